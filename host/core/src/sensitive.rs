//! Values that nobody but those who may see the arguments is to read: what a schema marks with
//! `x-sensitive`, and texts without it.
//!
//! What is masked is what is written as it was given, alone or in a larger text. Who encodes a value,
//! or tells it piece by piece, gets past; this keeps honest policies and tools from telling by
//! accident, and is no wall against those that want to.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::requirement::Requirement;

/// What stands in the place of a value.
pub const MASK: &str = "•••";
/// The keyword of a schema that marks what is below it.
const KEYWORD: &str = "x-sensitive";
/// How short a text is that is masked only where it is a word: it is in too many others by chance.
const WORD_CHARS_MAX: usize = 3;
/// How many values are looked for. Where there are more, nothing of a text is shown.
const VALUES_MAX: usize = 1_000;
/// How much of a text is looked through, in bytes: its length, once for each value. Where that is more,
/// nothing of it is shown.
const LOOKED_BYTES_MAX: usize = 4 << 20;
/// How many parts of a schema are looked at. Where there are more, everything is taken to be marked.
const STEPS_MAX: usize = 20_000;
/// How deep schemas may lead to others.
const DEPTH_MAX: usize = 64;

/// Some values, to be kept out of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sensitive {
    /// Those that are masked wherever they are, the longest first.
    anywhere: Vec<String>,
    /// Those that are masked as words, the longest first.
    words: Vec<String>,
    /// Whether there are more than can be looked for.
    is_all: bool,
}

/// A schema on its way through a value.
struct Search<'a> {
    root: &'a Value,
    found: BTreeSet<String>,
    numbers: BTreeSet<String>,
    steps_left: usize,
}

impl Sensitive {
    /// The values that a JSON Schema (2020-12) marks. Of branches of which one counts, all are looked
    /// at: more is masked rather than less.
    pub fn of(schema: &Value, value: &Value) -> Self {
        let (found, numbers) = (BTreeSet::new(), BTreeSet::new());
        let mut search = Search { root: schema, found, numbers, steps_left: STEPS_MAX };
        search.look(schema, value, 0);
        search.ended(value)
    }

    /// Whether a schema marks anything.
    pub fn is_marked(schema: &Value) -> bool {
        match schema {
            Value::Object(members) => {
                members.get(KEYWORD) == Some(&Value::Bool(true))
                    || members.values().any(Self::is_marked)
            }
            Value::Array(items) => items.iter().any(Self::is_marked),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// A text without the values.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let values = self.anywhere.len() + self.words.len();
        let is_too_much = self.is_all || text.len().saturating_mul(values) > LOOKED_BYTES_MAX;
        if is_too_much && !text.is_empty() {
            return MASK.into();
        }
        let mut masked = Cow::Borrowed(text);
        for value in self.anywhere.iter().filter(|value| text.contains(value.as_str())) {
            masked = masked.replace(value.as_str(), MASK).into();
        }
        for value in self.words.iter().filter(|value| text.contains(value.as_str())) {
            masked = without_word(&masked, value).into();
        }
        masked
    }

    /// What people are asked, without the values in what they are told.
    #[must_use]
    pub fn mask_requirement(&self, requirement: &Requirement) -> Requirement {
        Requirement {
            title: self.mask(&requirement.title).into_owned(),
            reason: self.mask(&requirement.reason).into_owned(),
            ..requirement.clone()
        }
    }
}

impl Search<'_> {
    fn look(&mut self, schema: &Value, value: &Value, depth: usize) {
        let Value::Object(members) = schema else { return };
        if self.steps_left == 0 || depth > DEPTH_MAX {
            self.steps_left = 0;
            return;
        }
        self.steps_left -= 1;
        if members.get(KEYWORD) == Some(&Value::Bool(true)) {
            return self.take(value);
        }
        for (keyword, below) in members {
            self.follow(keyword, below, members.get("properties"), value, depth + 1);
        }
    }

    /// What one keyword says of a value.
    fn follow(
        &mut self,
        keyword: &str,
        below: &Value,
        properties: Option<&Value>,
        value: &Value,
        depth: usize,
    ) {
        match (keyword, below, value) {
            ("$ref" | "$dynamicRef", Value::String(place), _) => self.refer(place, value, depth),
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => {
                schemas.iter().for_each(|schema| self.look(schema, value, depth));
            }
            ("if" | "then" | "else" | "not", schema, _) => self.look(schema, value, depth),
            ("dependentSchemas", Value::Object(schemas), _) => {
                schemas.values().for_each(|schema| self.look(schema, value, depth));
            }
            ("properties", Value::Object(schemas), Value::Object(value)) => {
                for (name, schema) in schemas {
                    value.get(name).into_iter().for_each(|value| self.look(schema, value, depth));
                }
            }
            // Patterns are not looked at: each may mean every member.
            ("patternProperties", Value::Object(schemas), Value::Object(value)) => {
                for schema in schemas.values() {
                    value.values().for_each(|value| self.look(schema, value, depth));
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema, Value::Object(value)) => {
                let is_named =
                    |name: &String| properties.is_some_and(|all| all.get(name).is_some());
                let others = value.iter().filter(|(name, _)| !is_named(name));
                others.for_each(|(_, value)| self.look(schema, value, depth));
            }
            ("prefixItems", Value::Array(schemas), Value::Array(values)) => {
                let pairs = schemas.iter().zip(values);
                pairs.for_each(|(schema, value)| self.look(schema, value, depth));
            }
            ("items" | "contains" | "unevaluatedItems", schema, Value::Array(values)) => {
                values.iter().for_each(|value| self.look(schema, value, depth));
            }
            _ => {}
        }
    }

    /// Follows a reference within the schema: by a pointer, or to the root. Whatever else it leads to
    /// may mark everything.
    fn refer(&mut self, place: &str, value: &Value, depth: usize) {
        let root = self.root;
        match place.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            Some(schema) => self.look(schema, value, depth),
            None if Sensitive::is_marked(root) => self.take(value),
            None => {}
        }
    }

    /// Takes a value with all that is in it.
    fn take(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => {
                self.found.insert(text.clone());
                // As it stands in JSON.
                let quoted = value.to_string();
                let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                self.found.insert(inner.to_owned());
            }
            Value::Number(number) => {
                self.numbers.insert(number.to_string());
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(item)),
            Value::Object(members) => members.values().for_each(|member| self.take(member)),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }

    fn ended(mut self, value: &Value) -> Sensitive {
        if self.steps_left == 0 {
            self.take(value);
        }
        let Self { found, numbers, .. } = self;
        let is_word = |text: &String| text.chars().count() <= WORD_CHARS_MAX;
        let (short, mut anywhere): (Vec<_>, Vec<_>) = found.into_iter().partition(is_word);
        let mut words: Vec<_> = short.into_iter().chain(numbers).collect();
        for values in [&mut anywhere, &mut words] {
            values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
        let is_all = anywhere.len() + words.len() > VALUES_MAX;
        Sensitive { anywhere, words, is_all }
    }
}

/// A text with a mask in place of a value where that stands alone.
fn without_word(text: &str, value: &str) -> String {
    let is_inner = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut masked, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
    while let Some(at) = rest.find(value) {
        let (head, tail) = rest.split_at(at);
        let after = &tail[value.len()..];
        let left = head.chars().next_back().or(before);
        let alone = !left.is_some_and(is_inner) && !after.chars().next().is_some_and(is_inner);
        masked.push_str(head);
        masked.push_str(if alone { MASK } else { value });
        (before, rest) = (value.chars().next_back(), after);
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn marked() -> Value {
        json!({
            "properties": {
                "pin": {"type": "integer", "x-sensitive": true},
                "card": {"type": "object", "x-sensitive": true},
                "to": {"$ref": "#/$defs/person"},
                "notes": {"items": {"anyOf": [{"type": "null"}, {"x-sensitive": true}]}},
                "open": {"type": "string"},
            },
            "additionalProperties": {"x-sensitive": true},
            "$defs": {"person": {"properties": {
                "name": {"x-sensitive": true}, "boss": {"$ref": "#/$defs/person"},
            }}},
        })
    }

    #[track_caller]
    fn check(value: &Value, text: &str, masked: &str) {
        assert_eq!(Sensitive::of(&marked(), value).mask(text), masked);
    }

    #[test]
    fn what_is_marked_is_masked_wherever_it_is_and_nothing_else() {
        let value = json!({"card": {"number": "4711-0815", "holder": ["Ann Lee"]}, "open": "door"});
        check(&value, "pay 4711-0815 of Ann Lee: door", "pay ••• of •••: door");
        check(&value, "x4711-0815y", "x•••y");
        check(&value, "nothing", "nothing");
    }

    #[test]
    fn short_texts_and_numbers_are_masked_as_words() {
        let value = json!({"pin": 42, "card": {"cvc": "abc"}});
        check(&value, "42 is 42, not 420 or 142 or a42", "••• is •••, not 420 or 142 or a42");
        check(&value, "abc abcd (abc) abcabc", "••• abcd (•••) abcabc");
        check(&json!({"card": {"v": "•"}, "pin": 4242}), "4242", "•••");
    }

    #[test]
    fn references_branches_and_other_members_are_followed() {
        let value = json!({"to": {"name": "Bob B", "boss": {"boss": {"name": "Cleo"}}}});
        check(&value, "Bob B and Cleo", "••• and •••");
        check(&json!({"notes": ["psst", null]}), "psst", "•••");
        check(&json!({"what": "else"}), "else", "•••");
    }

    #[test]
    fn a_value_is_masked_as_it_stands_in_json_too() {
        let value = json!({"card": "a \"quoted\"\nline"});
        check(&value, "x: a \"quoted\"\nline", "x: •••");
        check(&value, r#"{"x":"a \"quoted\"\nline"}"#, r#"{"x":"•••"}"#);
    }

    #[test]
    fn where_too_much_is_marked_nothing_is_shown() {
        let many: Vec<_> = (0..2_000).map(|number| format!("v{number:05}")).collect();
        check(&json!({"card": many}), "anything", MASK);
        let mut endless = json!({"$ref": "#", "x-unused": {"x-sensitive": true}});
        endless["anyOf"] = json!([{"$ref": "#"}, {"$ref": "#"}]);
        let sensitive = Sensitive::of(&endless, &json!({"a": "secret"}));
        assert_eq!(sensitive.mask("a secret"), "a •••");
    }

    #[test]
    fn what_is_too_long_to_be_looked_through_is_not_shown() {
        let some: Vec<_> = (0..1_000).map(|number| format!("v{number:05}")).collect();
        let sensitive = Sensitive::of(&marked(), &json!({"card": some}));
        let most = "a".repeat(LOOKED_BYTES_MAX / 1_000);
        assert_eq!(sensitive.mask(&most), most);
        assert_eq!(sensitive.mask(&format!("{most}a")), MASK);
        let nothing_is_marked = "a".repeat(LOOKED_BYTES_MAX + 1);
        assert_eq!(Sensitive::default().mask(&nothing_is_marked), nothing_is_marked);
    }

    #[test]
    fn a_schema_says_whether_it_marks_anything() {
        assert!(Sensitive::is_marked(&marked()));
        assert!(!Sensitive::is_marked(&json!({"properties": {"a": {"x-sensitive": false}}})));
    }

    proptest! {
        #[test]
        fn a_long_value_is_in_no_masked_text(
            value in "[a-c]{4,8}", before in "[a-c ]{0,12}", after in "[a-c ]{0,12}",
        ) {
            let sensitive = Sensitive::of(&marked(), &json!({"card": &value}));
            let masked = sensitive.mask(&format!("{before}{value}{after}")).into_owned();
            prop_assert!(!masked.contains(&value), "{} {}", value, masked);
        }
    }
}
