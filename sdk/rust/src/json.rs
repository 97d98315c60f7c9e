//! A JSON object as text that is parsed once, when somebody asks.
//!
//! Most policies look at one part of a request. Parsing the others would be the larger half of
//! their cost.

use std::cell::OnceCell;

use serde_json::{Map, Value};

/// A JSON object: a part of a request.
#[derive(Debug, Clone, Default)]
pub struct Json {
    text: String,
    value: OnceCell<Map<String, Value>>,
}

impl Json {
    /// Wraps the text of an object. An empty text is the empty object.
    pub fn from_text(text: String) -> Self {
        Self { text, value: OnceCell::new() }
    }

    /// Wraps a parsed object; its text is written canonically enough for tests (sorted keys).
    pub fn from_object(object: Map<String, Value>) -> Self {
        let text = serde_json::to_string(&object).expect("a map of values is always JSON");
        Self { text, value: OnceCell::from(object) }
    }

    /// The text as it came; the host hands out canonical text (RFC 8785).
    pub fn text(&self) -> &str {
        if self.text.is_empty() { "{}" } else { &self.text }
    }

    /// The text, without a copy.
    pub fn into_text(self) -> String {
        if self.text.is_empty() { "{}".to_owned() } else { self.text }
    }

    /// Whether it has no member; costs no parsing when the text is canonical.
    pub fn is_empty(&self) -> bool {
        self.text() == "{}" || self.object().is_empty()
    }

    /// The members, parsed at the first call.
    ///
    /// # Panics
    /// If the text is not a JSON object: the host has then broken the contract, and the trap
    /// denies the action.
    pub fn object(&self) -> &Map<String, Value> {
        self.value.get_or_init(|| {
            serde_json::from_str(self.text()).expect("the host hands out JSON objects")
        })
    }

    /// One member.
    pub fn get(&self, key: &str) -> Option<&Value> {
        if self.text() == "{}" { None } else { self.object().get(key) }
    }
}

/// The object that a JSON literal holds; anything else is the empty object.
impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(object) => Self::from_object(object),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Self::default(),
        }
    }
}

/// Two objects are equal if their members are, however they are written.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || self.object() == other.object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_is_the_empty_object() {
        assert!(Json::default().is_empty());
        assert_eq!(Json::default().text(), "{}");
        assert_eq!(Json::from_text(" { } ".into()), Json::default());
        assert_eq!(Json::default().get("a"), None);
    }

    #[test]
    fn members_are_found_in_text() {
        let json = Json::from_text(r#"{"a":[1,2]}"#.into());
        assert_eq!(json.get("a"), Some(&json!([1, 2])));
        assert_eq!(json, Json::from(json!({"a": [1, 2]})));
    }

    #[test]
    #[should_panic(expected = "the host hands out JSON objects")]
    fn text_that_is_no_object_is_a_broken_contract() {
        Json::from_text("[1]".into()).object();
    }
}
