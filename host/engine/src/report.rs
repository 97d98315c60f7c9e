//! What a component is and says of itself: for `writ check`, and for whoever validates settings.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use writ_core::{Digest, Json, Sensitive};

use crate::load_error::LoadError;

/// Longest summary, in characters.
const SUMMARY_CHARS_MAX: usize = 1_000;
/// How much of a guest's text an error quotes, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// What a policy says of itself, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Lower-case letters, digits and hyphens; 1 to 64 characters.
    pub name: String,
    /// Semantic version, as the policy writes it.
    pub version: String,
    /// One sentence; at most 1,000 characters.
    pub summary: String,
    /// JSON Schema (2020-12) of the settings: an object or a boolean. Whether it is a good schema
    /// is for whoever validates with it.
    pub settings_schema: Value,
}

/// What a tool says of itself, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDescription {
    /// Lower-case letters, digits and hyphens; 1 to 64 characters.
    pub name: String,
    /// Semantic version, as the tool writes it.
    pub version: String,
    /// One sentence; at most 1,000 characters.
    pub summary: String,
    /// JSON Schema (2020-12) of the arguments: an object or a boolean. Whether it is a good schema is
    /// for whoever validates with it.
    pub input_schema: Value,
    /// JSON Schema (2020-12) of the result, where it has one.
    pub output_schema: Option<Value>,
}

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Described {
    /// A policy.
    Policy(Description),
    /// A tool.
    Tool(ToolDescription),
}

/// What was found out about a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The interfaces that it imports, with their versions.
    pub imports: Vec<String>,
    /// What it exports, with versions.
    pub exports: Vec<String>,
    /// Core instances that one policy instance is made of.
    pub core_instances: u64,
    /// Functions of all its core modules.
    pub functions: u64,
    /// What it says of itself; none where it is refused before it could be asked.
    pub description: Option<Described>,
    /// Why `configure` cannot run once and for all, but runs on each fresh instance; none where it
    /// runs once, or where it is not known.
    pub not_preinitialised: Option<String>,
    /// Why it would be refused: every reason that could be found, at most 32.
    pub problems: Vec<LoadError>,
}

impl Description {
    /// Checks what a guest said.
    pub(crate) fn checked(
        name: &str,
        version: String,
        summary: String,
        settings_schema: &str,
    ) -> Result<Self, LoadError> {
        let described = Self {
            name: checked_name(name)?,
            version: checked_version(version)?,
            summary: checked_summary(summary)?,
            settings_schema: checked_schema("settings-schema", settings_schema)?,
        };
        Ok(described)
    }

    /// What must not be told of some settings, by what their schema marks.
    pub fn sensitive(&self, settings: &Json) -> Sensitive {
        match Sensitive::is_marked(&self.settings_schema) {
            true => Sensitive::of(&self.settings_schema, &settings.to_value()),
            false => Sensitive::default(),
        }
    }
}

impl ToolDescription {
    /// Checks what a guest said; `schemas` are those of its arguments and its result.
    pub(crate) fn checked(
        name: &str,
        version: String,
        summary: String,
        schemas: (&str, Option<&str>),
    ) -> Result<Self, LoadError> {
        let (input, output) = schemas;
        let output = output.map(|schema| checked_schema("output-schema", schema));
        Ok(Self {
            name: checked_name(name)?,
            version: checked_version(version)?,
            summary: checked_summary(summary)?,
            input_schema: checked_schema("input-schema", input)?,
            output_schema: output.transpose()?,
        })
    }
}

fn invalid(field: &str, reason: impl Into<String>) -> LoadError {
    LoadError::DescribeInvalid { field: field.to_owned(), reason: reason.into() }
}

fn checked_name(name: &str) -> Result<String, LoadError> {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        let reason =
            format!("`{}` must be 1 to 64 lower-case letters, digits and hyphens", shown(name));
        return Err(invalid("name", reason));
    }
    Ok(name.to_owned())
}

fn checked_version(version: String) -> Result<String, LoadError> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let figures: Vec<_> = core.split('.').collect();
    let figure = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    let fits = version.len() <= 64
        && figures.len() == 3
        && figures.iter().all(figure)
        && version.bytes().all(rest);
    match fits {
        true => Ok(version),
        false => Err(invalid("version", format!("`{}` is no semantic version", shown(&version)))),
    }
}

fn checked_summary(summary: String) -> Result<String, LoadError> {
    if summary.chars().count() > SUMMARY_CHARS_MAX {
        let reason = format!("it must have at most {SUMMARY_CHARS_MAX} characters");
        return Err(invalid("summary", reason));
    }
    if summary.chars().any(char::is_control) {
        return Err(invalid("summary", "it must be one line without control characters"));
    }
    Ok(summary)
}

fn checked_schema(field: &str, schema: &str) -> Result<Value, LoadError> {
    let schema =
        Json::parse(schema).map_err(|error| invalid(field, format!("it is {error}")))?.to_value();
    match schema {
        Value::Object(_) | Value::Bool(_) => Ok(schema),
        _ => Err(invalid(field, "a JSON Schema is an object or a boolean")),
    }
}

/// A guest's text, short and on one line.
pub(crate) fn shown(text: &str) -> String {
    writ_core::text::shown(text, TEXT_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        name: &str,
        version: &str,
        summary: &str,
        schema: &str,
    ) -> Result<Description, String> {
        Description::checked(name, version.to_owned(), summary.to_owned(), schema)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_description_keeps_its_schema_as_a_value() {
        let description = check("rate-limit", "1.2.3-rc.1", "Limits.", r#"{"a": 1}"#).unwrap();
        assert_eq!(description.settings_schema, serde_json::json!({"a": 1}));
    }

    #[test]
    fn each_field_is_refused_by_its_name() {
        let field = |refused: Result<Description, String>| {
            let text = refused.unwrap_err();
            text.strip_prefix("`describe` gives an invalid ").unwrap().to_owned()
        };
        assert!(field(check("Rate", "1.0.0", "", "{}")).starts_with("name: `Rate`"));
        assert!(field(check("", "1.0.0", "", "{}")).starts_with("name: ``"));
        assert!(field(check("a", "1.0", "", "{}")).starts_with("version: `1.0`"));
        assert!(field(check("a", "1.0.0", "a\nb", "{}")).starts_with("summary: "));
        assert!(field(check("a", "1.0.0", "", "[]")).starts_with("settings-schema: "));
        assert!(
            field(check("a", "1.0.0", "", "{")).starts_with("settings-schema: it is not valid")
        );
    }
}
