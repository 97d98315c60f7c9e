//! Reading JSON bodies: strictly, and with errors that name the field.
//!
//! A body is read once, by types. Only where that fails is it read again, more slowly, to learn
//! where it fails. A name that is given twice in an object is refused ([`writ_core::strict`]).

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, Visitor};
use serde::forward_to_deserialize_any;
use serde_path_to_error::Track;
use writ_core::Json;
use writ_core::json::InvalidJson;
use writ_core::strict::{Members, Strict};

/// How long a type, an id or a name may be, in bytes: policies compare them with many globs.
const TEXT_BYTES_MAX: usize = 1_024;

/// A text that is neither empty nor longer than [`TEXT_BYTES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(pub String);

/// A JSON object in canonical form; `{}` by default, never null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object(pub Json);

/// Any JSON value in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Strict")]
pub struct Anything(pub Json);

/// A body cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is not JSON.
    Malformed(String),
    /// It is JSON of another shape.
    Invalid(FieldError),
}

/// A field cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where it is: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

/// Reads a body.
///
/// # Errors
/// What is wrong, and with which field.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BodyError> {
    fast(body).ok_or_else(|| explain::<T>(body))
}

/// Reads a part of a body that is JSON already.
///
/// # Errors
/// The field below `pointer` that is wrong.
pub fn read_part<T: DeserializeOwned>(part: &str, pointer: &str) -> Result<T, FieldError> {
    fast(part.as_bytes()).ok_or_else(|| {
        let (inner, message) = match explain::<T>(part.as_bytes()) {
            BodyError::Malformed(message) => (String::new(), message),
            BodyError::Invalid(FieldError { pointer, message }) => (pointer, message),
        };
        // Its lines and columns are those of the part, which nobody has but us.
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        FieldError { pointer: format!("{pointer}{inner}"), message: what.to_owned() }
    })
}

/// Refuses a text that is too long to be shown wherever it is told.
///
/// # Errors
/// How long it is, and may be.
pub fn short(pointer: &str, text: Option<&str>, chars_max: usize) -> Result<(), FieldError> {
    match text.map_or(0, |text| text.chars().count()) {
        chars if chars > chars_max => {
            let message = format!("has {chars} characters, may have {chars_max}");
            Err(FieldError { pointer: pointer.to_owned(), message })
        }
        _ => Ok(()),
    }
}

/// For a field that is an object. What serde derives would take an array for it, too.
///
/// # Errors
/// Where the value is no `T`.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    T::deserialize(ObjectOnly(d))
}

/// For a field that is an object and may be absent but not null.
///
/// # Errors
/// Where the value, null included, is no `T`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<T>, D::Error> {
    object(d).map(Some)
}

fn fast<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = object(&mut reader).ok()?;
    reader.end().ok().map(|()| value)
}

fn explain<T: DeserializeOwned>(body: &[u8]) -> BodyError {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        return BodyError::Malformed(error.to_string());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let error = match object::<T, _>(tracked) {
        Err(error) if error.is_data() => error,
        Err(error) => return unreadable(&error, &track.path()),
        Ok(_) => return BodyError::Malformed("the body could not be read".into()),
    };
    let message = error.to_string();
    let mut pointer = pointer(&track.path(), usize::MAX);
    if let Some(field) = missing_field(&message) {
        pointer.push('/');
        pointer.push_str(field);
        return BodyError::Invalid(FieldError { pointer, message: "is required".into() });
    }
    BodyError::Invalid(FieldError { pointer, message })
}

/// JSON that is nested too deep to be read is JSON nevertheless; its whole path would say nothing.
fn unreadable(error: &serde_json::Error, path: &serde_path_to_error::Path) -> BodyError {
    match InvalidJson::of_reading(error) {
        error @ InvalidJson::TooDeep => {
            let (pointer, message) = (pointer(path, 1), error.to_string());
            BodyError::Invalid(FieldError { pointer, message })
        }
        _ => BodyError::Malformed(error.to_string()),
    }
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

fn pointer(path: &serde_path_to_error::Path, segments_max: usize) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter().take(segments_max) {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

impl Default for Object {
    fn default() -> Self {
        Self(Json::empty_object())
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.len() {
            0 => Err("must not be empty"),
            1..=TEXT_BYTES_MAX => Ok(Self(text)),
            _ => Err("must not be longer than 1024 bytes"),
        }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = deserializer.deserialize_map(Members)?;
        // A hint is a second line; in an answer it stands in the same sentence.
        let one_line = |error: InvalidJson| error.to_string().replace("\nhint: ", "; ");
        Json::from_object(object).map(Self).map_err(|e| serde::de::Error::custom(one_line(e)))
    }
}

/// Reads structures from objects alone.
struct ObjectOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl TryFrom<Strict> for Anything {
    type Error = InvalidJson;

    fn try_from(Strict(value): Strict) -> Result<Self, InvalidJson> {
        Json::from_value(&value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    #[serde(expecting = "an object")]
    struct Outer {
        #[serde(deserialize_with = "object")]
        inner: Inner,
        #[serde(default)]
        context: Object,
        #[serde(default, deserialize_with = "present")]
        extra: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    #[serde(expecting = "an object")]
    struct Inner {
        id: Text,
    }

    fn check(body: &str, pointer: &str, message: &str) {
        match read::<Outer>(body.as_bytes()) {
            Err(BodyError::Invalid(error)) => {
                assert_eq!(error.pointer, pointer, "{body}");
                assert!(error.message.starts_with(message), "{body}: {}", error.message);
            }
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        check("{}", "/inner", "is required");
        check(r#"{"inner":{}}"#, "/inner/id", "is required");
        check(r#"{"inner":{"id":""}}"#, "/inner/id", "must not be empty");
        let long = format!(r#"{{"inner":{{"id":"{}"}}}}"#, "x".repeat(TEXT_BYTES_MAX + 1));
        check(&long, "/inner/id", "must not be longer than 1024 bytes");
        check(r#"{"inner":{"id":7}}"#, "/inner/id", "invalid type: integer `7`, expected a string");
        check(r#"{"inner":{"id":null}}"#, "/inner/id", "invalid type: null");
        check(r#"{"inner":null}"#, "/inner", "invalid type: null");
        check(r#"{"inner":{"id":"x"},"extra":null}"#, "/extra", "invalid type: null");
        check(
            r#"{"inner":{"id":"x"},"context":null}"#,
            "/context",
            "invalid type: null, expected an object",
        );
        check(r#"{"inner":{"id":"x"},"context":[]}"#, "/context", "invalid type: sequence");
        check("[]", "", "invalid type: sequence, expected an object");
        check(r#"{"inner":["x"]}"#, "/inner", "invalid type: sequence, expected an object");
        check(r#"{"inner":{"id":"x"},"extra":["x"]}"#, "/extra", "invalid type: sequence");
        check("7", "", "invalid type: integer `7`");
    }

    #[test]
    fn a_name_that_is_given_twice_is_refused() {
        check(r#"{"inner":{"id":"x","id":"y"}}"#, "/inner", "duplicate field `id`");
        let context = |json: &str| format!(r#"{{"inner":{{"id":"x"}},"context":{json}}}"#);
        check(&context(r#"{"a":1,"a":2}"#), "/context", "the name `a` is given twice");
        check(&context(r#"{"a":[{"b":1,"b":1}]}"#), "/context/a/0", "the name `b` is given twice");
        check(&context(r#"{"a":1,"\u0061":2}"#), "/context", "the name `a` is given twice");
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused() {
        let body = r#"{"inner":{"id":"x"},"context":{"n":9007199254740993}}"#;
        check(body, "/context", "the number 9007199254740993 cannot be held exactly; send it as");
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in [
            "{}{}",
            "",
            " ",
            "{",
            "nul",
            r#"{"inner":{"id":"x"}} x"#,
            "{\"inner\":{\"id\":\"\u{1}\"}}",
        ] {
            assert!(
                matches!(read::<Outer>(body.as_bytes()), Err(BodyError::Malformed(_))),
                "{body}"
            );
        }
        assert!(matches!(
            read::<Outer>(b"{\"inner\":{\"id\":\"\xff\"}}"),
            Err(BodyError::Malformed(_))
        ));
    }

    #[test]
    fn what_is_nested_too_deep_is_named_whatever_its_depth() {
        for levels in [65, 130, 500] {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            let body = format!(r#"{{"inner":{{"id":"x"}},"context":{{"a":{open}{close}}}}}"#);
            check(&body, "/context", "nested deeper than 64 levels");
        }
    }

    #[test]
    fn a_part_is_named_below_its_place() {
        let error = read_part::<Inner>("{}", "/evaluations/3").unwrap_err();
        assert_eq!(error.pointer, "/evaluations/3/id");
        let error = read_part::<Inner>("null", "/evaluations/3").unwrap_err();
        assert_eq!(error.message, "invalid type: null, expected an object");
    }

    #[test]
    fn what_is_absent_is_an_empty_object() {
        let outer: Outer = read(br#"{"inner":{"id":"x"},"more":true}"#).unwrap();
        assert_eq!(outer.context.0.as_str(), "{}");
        assert!(outer.extra.is_none());
    }
}
