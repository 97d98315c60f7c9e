//! JSON Pointer (RFC 6901), parsed once.
//!
//! Parsing pointers in `configure` leaves only the walk for `evaluate`. A pointer does not know what it
//! points into: for places in a request there is [`Place`].
//!
//! [`Place`]: crate::Place

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// A place in a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// Parses the text of a pointer: empty, or each token behind a `/`, with `~1` for `/` and
    /// `~0` for `~`.
    ///
    /// # Errors
    /// Says what is wrong with a text that is no pointer.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self { tokens: Vec::new() });
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is no JSON pointer: it does not begin with `/`"));
        };
        let tokens =
            rest.split('/').map(|token| unescape(token, text)).collect::<Result<_, _>>()?;
        Ok(Self { tokens })
    }

    /// The pointer with one more token at its end.
    pub fn join(&self, token: &str) -> Self {
        let mut tokens = self.tokens.clone();
        tokens.push(token.to_owned());
        Self { tokens }
    }

    /// The unescaped tokens.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The value at this place inside of `value`.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        Self::follow(value, &self.tokens)
    }

    pub(crate) fn follow<'a>(value: &'a Value, tokens: &[String]) -> Option<&'a Value> {
        tokens.iter().try_fold(value, |value, token| match value {
            Value::Object(members) => members.get(token),
            Value::Array(items) => items.get(index(token)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }
}

/// An array index as RFC 6901 writes it: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = token.len() > 1 && token.starts_with('0');
    if digits && !zeros { token.parse().ok() } else { None }
}

fn unescape(token: &str, text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(token.len());
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('~') {
        out.push_str(before);
        out.push(match after.bytes().next() {
            Some(b'0') => '~',
            Some(b'1') => '/',
            _ => {
                return Err(format!("`{text}` is no JSON pointer: `~` stands without 0 or 1"));
            }
        });
        rest = &after[1..];
    }
    out.push_str(rest);
    Ok(out)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The examples of RFC 6901, section 5.
    #[test]
    fn the_examples_of_the_standard_hold() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5,
            "k\"l": 6, " ": 7, "m~n": 8,
        });
        let cases = [
            ("", document.clone()),
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ];
        for (text, expected) in cases {
            let pointer = Pointer::parse(text).unwrap();
            assert_eq!(pointer.find(&document), Some(&expected), "{text}");
            assert_eq!(pointer.to_string(), text);
        }
    }

    #[test]
    fn a_tilde_is_unescaped_once() {
        assert_eq!(Pointer::parse("/~01").unwrap().tokens(), ["~1"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused_with_a_reason() {
        assert!(Pointer::parse("a").unwrap_err().contains("does not begin with `/`"));
        assert!(Pointer::parse("/~").unwrap_err().contains("without 0 or 1"));
        assert!(Pointer::parse("/~é").unwrap_err().contains("without 0 or 1"));
        assert!(serde_json::from_value::<Pointer>(json!("x")).is_err());
    }
}
