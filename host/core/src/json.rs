//! JSON that has been checked once: canonical text (RFC 8785) that crosses every border unchanged.
//!
//! A number beyond ±(2^53 − 1) is refused rather than rounded (RFC 7493, section 2.2). A decimal is
//! read as the nearest double, and that is what policies see, what the digest covers and what an
//! answer gives back: who needs more digits sends text.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical;
use crate::strict::Strict;

/// How deep arrays and objects may nest.
pub const DEPTH_MAX: usize = 64;

/// The largest integer that every JSON reader holds exactly (RFC 7493, section 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Canonical JSON text (RFC 8785). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

/// Why a value is not accepted as JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// Not JSON text at all, or an object in it gives a name twice.
    #[error("not valid JSON: {0}")]
    Syntax(String),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// A number outside ±[`INTEGER_MAX`].
    #[error("the number {0} cannot be held exactly\nhint: send it as a string")]
    Inexact(String),
    /// An object was expected.
    #[error("must be an object, but is {0}")]
    NotAnObject(&'static str),
}

impl Json {
    /// `{}`.
    pub fn empty_object() -> Self {
        Self(Arc::from("{}"))
    }

    /// Canonical text of a value.
    ///
    /// # Errors
    /// [`InvalidJson::TooDeep`] and [`InvalidJson::Inexact`].
    pub fn from_value(value: &Value) -> Result<Self, InvalidJson> {
        check(value, 0)?;
        let mut text = String::with_capacity(256);
        canonical::push_value(&mut text, value);
        Ok(Self(text.into()))
    }

    /// Canonical text of an object.
    ///
    /// # Errors
    /// As [`Json::from_value`].
    pub fn from_object(object: Map<String, Value>) -> Result<Self, InvalidJson> {
        if object.is_empty() {
            return Ok(Self::empty_object());
        }
        Self::from_value(&Value::Object(object))
    }

    /// Parses text of any formatting.
    ///
    /// # Errors
    /// Each of [`InvalidJson`] but [`InvalidJson::NotAnObject`].
    pub fn parse(text: &str) -> Result<Self, InvalidJson> {
        let Strict(value) =
            serde_json::from_str(text).map_err(|error| InvalidJson::of_reading(&error))?;
        Self::from_value(&value)
    }

    /// Parses text of any formatting that must hold an object.
    ///
    /// # Errors
    /// Each of [`InvalidJson`].
    pub fn parse_object(text: &str) -> Result<Self, InvalidJson> {
        Self::parse(text)?.into_object()
    }

    /// The same text, if it holds an object.
    ///
    /// # Errors
    /// [`InvalidJson::NotAnObject`].
    pub fn into_object(self) -> Result<Self, InvalidJson> {
        if self.0.starts_with('{') {
            Ok(self)
        } else {
            Err(InvalidJson::NotAnObject(kind(&self.to_value())))
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value behind the text.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).expect("canonical text was made from a value")
    }

    /// Applies a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// [`InvalidJson::TooDeep`] where the result would be nested too deep.
    pub fn merge_patch(&self, patch: &Json) -> Result<Self, InvalidJson> {
        let mut value = self.to_value();
        json_patch::merge(&mut value, &patch.to_value());
        Self::from_value(&value)
    }
}

impl InvalidJson {
    /// Why any value could not be read. The reader has a bound of its own on how deep values nest, above
    /// [`DEPTH_MAX`], and tells it apart from other errors by its text alone.
    pub fn of_reading(error: &serde_json::Error) -> Self {
        match error.to_string() {
            text if text.starts_with("recursion limit exceeded") => Self::TooDeep,
            text => Self::Syntax(text),
        }
    }
}

/// What a value is, in words for an error text.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn check(value: &Value, depth: usize) -> Result<(), InvalidJson> {
    if depth > DEPTH_MAX {
        return Err(InvalidJson::TooDeep);
    }
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(n), _) if n > INTEGER_MAX => Err(InvalidJson::Inexact(n.to_string())),
            (None, Some(n)) if n.unsigned_abs() > INTEGER_MAX => {
                Err(InvalidJson::Inexact(n.to_string()))
            }
            // Beyond the exact integers every double is one, whatever was written.
            (None, None) if number.as_f64().is_some_and(|n| n.abs() > INTEGER_MAX as f64) => {
                Err(InvalidJson::Inexact(number.to_string()))
            }
            _ => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
        Value::Object(fields) => fields.values().try_for_each(|field| check(field, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it is, which costs less than to make a value of it; so who indents JSON does not indent this
/// ([`Json::to_value`] can be).
impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(value) = Strict::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn equal_values_give_equal_text() {
        let left = Json::parse(r#"{"b": 1.0, "a": [1, "é"]}"#).unwrap();
        assert_eq!(left.as_str(), r#"{"a":[1,"é"],"b":1}"#);
        assert_eq!(left, Json::from_value(&json!({"a": [1, "é"], "b": 1})).unwrap());
    }

    #[test]
    fn refuses_an_integer_that_a_double_would_round() {
        let refused = Json::parse("9007199254740993").unwrap_err();
        assert_eq!(refused, InvalidJson::Inexact("9007199254740993".into()));
        for text in
            ["-9007199254740993", "9007199254740993.0", "1e17", "123456789012345678901234567890"]
        {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert!(Json::parse("9007199254740991").is_ok());
    }

    #[test]
    fn refuses_what_is_nested_too_deep() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for depth in [DEPTH_MAX + 2, 126, 127, 1_000] {
            assert_eq!(Json::parse(&nested(depth)).unwrap_err(), InvalidJson::TooDeep, "{depth}");
        }
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
    }

    #[test]
    fn refuses_a_name_that_is_given_twice() {
        for text in [r#"{"deny":["a"],"deny":[]}"#, r#"[{"a":{"b":1,"\u0062":2}}]"#] {
            let refused = Json::parse(text).unwrap_err().to_string();
            assert!(refused.contains("is given twice at line 1"), "{refused}");
        }
    }

    #[test]
    fn an_object_is_not_an_array() {
        assert_eq!(Json::parse_object("[]").unwrap_err(), InvalidJson::NotAnObject("an array"));
    }

    #[test]
    fn merge_patch_follows_rfc_7396() {
        let target = Json::parse(r#"{"a":"b","c":{"d":"e","f":"g"}}"#).unwrap();
        let patch = Json::parse(r#"{"a":"z","c":{"f":null}}"#).unwrap();
        let merged = target.merge_patch(&patch).unwrap();
        assert_eq!(merged.as_str(), r#"{"a":"z","c":{"d":"e"}}"#);
    }

    proptest! {
        #[test]
        fn canonical_text_is_a_fixed_point(text in "\\PC{0,40}", n in -9.0e15..9.0e15f64) {
            let first = Json::from_value(&json!({"t": text, "n": n, "l": [n, text]})).unwrap();
            prop_assert_eq!(Json::parse(first.as_str()).unwrap(), first);
        }
    }
}
