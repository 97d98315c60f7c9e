//! Which part of some settings breaks a schema, in words for whoever wrote them.
//!
//! A validator says first that a whole value fits none of several shapes. What helps is further
//! down: the deepest part of the shape that comes nearest.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::{Location, LocationSegment};
use serde_json::Value;
use writ_core::Sensitive;

use crate::config::document::Step;
use crate::config::wording::suggest;

/// How many errors are compared to find the one that says most.
const ERRORS_MAX: usize = 100;
/// How much of an error's text is shown, in characters: it quotes the value, which may be large.
const CHARS_MAX: usize = 300;

const SEE_SCHEMA: &str = "`writ check COMPONENT` shows the schema of a policy's settings";

/// What is wrong with some settings.
pub(super) struct Violation {
    /// The path to it within the settings.
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Violation {
    /// The violation that says most, of all that there are, without what the schema marks as
    /// sensitive in the settings.
    pub(super) fn of<'a>(
        errors: impl Iterator<Item = ValidationError<'a>>,
        schema: &Value,
        settings: &Value,
    ) -> Option<Self> {
        let errors: Vec<_> = errors.take(ERRORS_MAX).collect();
        // A key that is misspelt also leaves another one missing: the first of the best.
        let best = errors.iter().map(leaf).min_by_key(|leaf| !is_unknown_key(leaf))?;
        let sensitive = match Sensitive::is_marked(schema) {
            true => Sensitive::of(schema, settings),
            false => Sensitive::default(),
        };
        Some(Self::new(best, schema, &sensitive))
    }

    fn new(error: &ValidationError<'_>, schema: &Value, sensitive: &Sensitive) -> Self {
        let mut path = steps(error.instance_path());
        let place = pointer(error.instance_path());
        match error.kind() {
            Kind::AdditionalProperties { unexpected } if !unexpected.is_empty() => {
                let key = &unexpected[0];
                path.push(Step::Key(key.clone()));
                let known = known_keys(error.schema_path(), schema);
                let hint = suggest(key, known.iter().map(String::as_str));
                Self { path, message: format!("there is no setting `{key}`{place}"), hint }
            }
            Kind::Required { property: Value::String(key) } => {
                let message = format!("the setting `{key}` is missing{place}");
                Self { path, message, hint: SEE_SCHEMA.to_owned() }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                let what = sensitive.mask(&error.to_string()).into_owned() + &one_is(context);
                let message = shortened(&what);
                let message = format!("the settings break the policy's schema{place}: {message}");
                Self { path, message, hint: SEE_SCHEMA.to_owned() }
            }
            _ => {
                let what = shortened(&sensitive.mask(&error.to_string()));
                let message = format!("the settings break the policy's schema{place}: {what}");
                Self { path, message, hint: SEE_SCHEMA.to_owned() }
            }
        }
    }
}

/// An error's text, at most so much of it as people read.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

fn leaf<'e, 'a>(error: &'e ValidationError<'a>) -> &'e ValidationError<'a> {
    match error.kind() {
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let branches = context.iter().filter_map(|branch| {
                branch.iter().map(leaf).min_by_key(|leaf| !is_unknown_key(leaf))
            });
            // The last of equals would win: shapes are written with the likeliest first.
            let best = branches.rev().max_by_key(|leaf| nearness(leaf)).unwrap_or(error);
            // One text that is expected is not all that is: the other shapes would be kept secret.
            let is_here = best.instance_path() == error.instance_path();
            if is_here && matches!(best.kind(), Kind::Constant { .. }) { error } else { best }
        }
        _ => error,
    }
}

/// What may be written as it is, where a value fits none of several shapes.
fn one_is(shapes: &[Vec<ValidationError<'_>>]) -> String {
    let expected = shapes.iter().flatten().find_map(|error| match error.kind() {
        Kind::Constant { expected_value } => Some(expected_value),
        _ => None,
    });
    expected.map(|value| format!("; one of them is {value}")).unwrap_or_default()
}

/// How much of a value had fitted a shape before this error.
fn nearness(error: &ValidationError<'_>) -> (usize, u8) {
    let precise = match error.kind() {
        Kind::Type { .. } => 0,
        Kind::Constant { .. } | Kind::Enum { .. } | Kind::Required { .. } => 1,
        _ => 2,
    };
    (error.instance_path().iter().count(), precise)
}

fn is_unknown_key(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Kind::AdditionalProperties { .. })
}

/// The keys that the schema lists beside the keyword at a path.
fn known_keys(keyword: &Location, schema: &Value) -> Vec<String> {
    let object = keyword.as_str().rsplit_once('/').map_or("", |(object, _)| object);
    let properties = schema.pointer(&format!("{object}/properties")).and_then(Value::as_object);
    properties.into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn steps(location: &Location) -> Vec<Step> {
    let step = |segment| match segment {
        LocationSegment::Property(key) => Step::Key(key.to_string()),
        LocationSegment::Index(index) => Step::Index(index),
    };
    location.into_iter().map(step).collect()
}

fn pointer(location: &Location) -> String {
    match location.as_str() {
        "" => String::new(),
        pointer => format!(" at `{pointer}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(settings: Value, message: &str, hint: &str) {
        let schema = json!({
            "type": "object",
            "properties": {
                "limit": { "type": "integer", "minimum": 1 },
                "token": { "type": "string", "maxLength": 8, "x-sensitive": true },
                "rules": { "type": "array", "items": { "$ref": "#/$defs/rule" } },
            },
            "required": ["limit"],
            "additionalProperties": false,
            "$defs": { "rule": { "oneOf": [
                { "const": "allow" },
                {
                    "type": "object",
                    "properties": { "deny": { "type": "string" } },
                    "required": ["deny"],
                    "additionalProperties": false,
                },
            ] } },
        });
        let validator = jsonschema::draft202012::options().offline().build(&schema).unwrap();
        let found = Violation::of(validator.iter_errors(&settings), &schema, &settings).unwrap();
        assert_eq!((found.message.as_str(), found.hint.as_str()), (message, hint));
    }

    #[test]
    fn a_misspelt_key_is_named_with_the_nearest() {
        check(json!({"limt": 5}), "there is no setting `limt`", "did you mean `limit`?");
        let message = "there is no setting `den` at `/rules/0`";
        check(json!({"limit": 1, "rules": [{"den": ""}]}), message, "did you mean `deny`?");
    }

    #[test]
    fn a_sensitive_value_is_not_quoted() {
        let message = "the settings break the policy's schema at `/token`: \"•••\" is longer than 8 characters";
        check(json!({"limit": 1, "token": "hunter2-hunter2"}), message, SEE_SCHEMA);
        let message =
            "the settings break the policy's schema at `/token`: ••• is not of type \"string\"";
        check(json!({"limit": 1, "token": 47_114_711}), message, SEE_SCHEMA);
    }

    #[test]
    fn the_deepest_part_of_the_nearest_shape_is_named() {
        let message = "the settings break the policy's schema at `/rules/1/deny`: 7 is not of type \"string\"";
        check(json!({"limit": 1, "rules": ["allow", {"deny": 7}]}), message, SEE_SCHEMA);
        let message = "the settings break the policy's schema at `/rules/0`: \"deny\" is not valid under any of the schemas listed in the 'oneOf' keyword; one of them is \"allow\"";
        check(json!({"limit": 1, "rules": ["deny"]}), message, SEE_SCHEMA);
    }
}
