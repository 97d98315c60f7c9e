//! One redaction: where, what, and what stands there afterwards.

use serde_json::Value;
use writ_sdk::Pointer;

use crate::pattern::Pattern;
use crate::settings;

/// One redaction, ready to be applied.
#[derive(Debug)]
pub(crate) struct Redaction {
    name: String,
    path: Pointer,
    /// Which parts of strings; none: the whole value.
    pattern: Option<Pattern>,
    replace_with: String,
    remove: bool,
}

impl TryFrom<settings::Redaction> for Redaction {
    type Error = String;

    fn try_from(settings: settings::Redaction) -> Result<Self, String> {
        let settings::Redaction { name, path, find, regex, replace_with, remove } = settings;
        if path.tokens().starts_with(&["action".to_owned(), "properties".to_owned()]) {
            return Err(format!(
                "the path of redaction `{name}` begins at the request; it must begin at the arguments, without `/action/properties`"
            ));
        }
        let pattern = match (find, regex) {
            (Some(_), Some(_)) => {
                return Err(format!("redaction `{name}` has both `find` and `regex`"));
            }
            (Some(find), None) => Some(Pattern::Named(find)),
            (None, Some(regex)) => Some(Pattern::parse(&regex)?),
            (None, None) if path.tokens().is_empty() => {
                return Err(format!("redaction `{name}` needs `path`, `find` or `regex`"));
            }
            (None, None) => None,
        };
        if remove && pattern.is_some() {
            return Err(format!("redaction `{name}` cannot remove a part of a string"));
        }
        Ok(Self { name, path, pattern, replace_with, remove })
    }
}

impl Redaction {
    /// What the annotations call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Changes the value, and tells in how many places.
    pub(crate) fn apply(&self, value: &mut Value) -> u64 {
        self.walk(value, self.path.tokens())
    }

    fn walk(&self, value: &mut Value, path: &[String]) -> u64 {
        match path {
            [] => self.redact(value),
            [last] if self.remove => remove(value, last),
            [first, rest @ ..] => children(value, first).map(|child| self.walk(child, rest)).sum(),
        }
    }

    fn redact(&self, value: &mut Value) -> u64 {
        match &self.pattern {
            Some(pattern) => self.redact_parts(value, pattern),
            None if value.as_str() == Some(&self.replace_with) => 0,
            None => {
                *value = Value::String(self.replace_with.clone());
                1
            }
        }
    }

    /// Every string at or below this place.
    fn redact_parts(&self, value: &mut Value, pattern: &Pattern) -> u64 {
        match value {
            Value::String(text) => match pattern.replace(text, &self.replace_with) {
                Some((replaced, count)) => {
                    *text = replaced;
                    count
                }
                None => 0,
            },
            Value::Array(items) => {
                items.iter_mut().map(|item| self.redact_parts(item, pattern)).sum()
            }
            Value::Object(members) => {
                members.values_mut().map(|member| self.redact_parts(member, pattern)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
}

/// The children that a token means; `*` means all of them.
fn children<'a>(value: &'a mut Value, token: &str) -> Box<dyn Iterator<Item = &'a mut Value> + 'a> {
    match (value, token) {
        (Value::Object(members), "*") => Box::new(members.values_mut()),
        (Value::Array(items), "*") => Box::new(items.iter_mut()),
        (Value::Object(members), name) => Box::new(members.get_mut(name).into_iter()),
        (Value::Array(items), token) => {
            let item = index(token).and_then(|index| items.get_mut(index));
            Box::new(item.into_iter())
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {
            Box::new(std::iter::empty())
        }
    }
}

fn remove(value: &mut Value, token: &str) -> u64 {
    match value {
        Value::Object(members) if token == "*" => std::mem::take(members).len() as u64,
        Value::Array(items) if token == "*" => std::mem::take(items).len() as u64,
        Value::Object(members) => u64::from(members.remove(token).is_some()),
        Value::Array(items) => match index(token) {
            Some(index) if index < items.len() => {
                items.remove(index);
                1
            }
            _ => 0,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The index that a token is, as RFC 6901 writes it: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = token.len() > 1 && token.starts_with('0');
    if digits && !zeros { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_written_in_one_way_only() {
        assert_eq!(["0", "7", "10"].map(index), [Some(0), Some(7), Some(10)]);
        for token in
            ["", "+1", "-1", "-", "01", "00", " 1", "1.0", "\u{661}", "99999999999999999999"]
        {
            assert_eq!(index(token), None, "{token}");
        }
    }
}
