//! Whether a policy's JSON Schema and its settings type say the same.
//!
//! They are written twice, by hand, because a schema carries descriptions and bounds that a Rust
//! type does not. These checks find a field that one has and the other lacks, a default that
//! differs, and an example that does not validate.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::check::read_cases;
use crate::policy::Policy;

/// Checks the schema against the settings type, and the settings of all cases against the schema.
/// The settings type must refuse unknown fields.
///
/// # Panics
/// If they disagree; the text says where.
pub fn check_schema<P: Policy>(cases: impl AsRef<Path>)
where
    P::Settings: PartialEq + Debug,
{
    let schema: Value = serde_json::from_str(P::SETTINGS_SCHEMA).expect("the schema is JSON");
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    assert_eq!(schema["$schema"], dialect, "the schema says which dialect it is written in");
    assert_eq!(schema["additionalProperties"], false, "the schema refuses unknown settings");
    check_numbers(&schema);
    check_fields::<P>(&schema);
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is a schema");
    let examples = schema["examples"].as_array().expect("the schema has examples");
    assert!(!examples.is_empty(), "the schema has an example");
    for example in examples {
        check_example::<P>(&schema, example);
        validator.validate(example).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
    for (file, case) in read_cases(cases.as_ref()) {
        if case.refused.is_none() {
            let told = validator.validate(&case.settings);
            told.unwrap_or_else(|error| panic!("{file}: {}: {error}", case.name));
        }
    }
}

/// The host refuses JSON with integers that a double cannot hold (RFC 7493, section 2.2).
fn check_numbers(schema: &Value) {
    const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;
    match schema {
        Value::Number(number) => {
            let held = number.as_f64().is_some_and(|number| number.abs() <= INTEGER_MAX);
            assert!(held, "{number} cannot be held exactly");
        }
        Value::Array(items) => items.iter().for_each(check_numbers),
        Value::Object(members) => members.values().for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The fields that the settings type expects, read off its own error text, are the schema's.
fn check_fields<P: Policy>(schema: &Value) {
    let probe = json!({"\u{0}": null});
    let error = serde_json::from_value::<P::Settings>(probe).err();
    let text = error.expect("settings refuse an unknown field").to_string();
    let fields: BTreeSet<&str> = text.split('`').skip(3).step_by(2).collect();
    let described = schema["properties"].as_object().expect("the schema has properties");
    let described: BTreeSet<&str> = described.keys().map(String::as_str).collect();
    assert_eq!(described, fields, "the schema's properties are the fields of the settings");
}

/// The example with the schema's defaults written out gives the same settings as without.
fn check_example<P: Policy>(schema: &Value, example: &Value)
where
    P::Settings: PartialEq + Debug,
{
    let read = |value: &Value| {
        serde_json::from_value::<P::Settings>(value.clone())
            .unwrap_or_else(|error| panic!("{value} cannot be read: {error}"))
    };
    let mut full = example.clone();
    fill(schema, schema, &mut full);
    assert_eq!(read(example), read(&full), "the schema's defaults are those of the settings");
}

/// Writes the defaults of a schema into a value, down through properties, items and references.
fn fill(root: &Value, schema: &Value, value: &mut Value) {
    let schema = match schema["$ref"].as_str() {
        Some(path) => root.pointer(path.trim_start_matches('#')).expect("a reference leads on"),
        None => schema,
    };
    match value {
        Value::Object(members) => fill_object(root, schema, members),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(root, &schema["items"], item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fill_object(root: &Value, schema: &Value, members: &mut Map<String, Value>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, schema) in properties {
        if let Some(default) = schema.get("default") {
            members.entry(name.clone()).or_insert_with(|| default.clone());
        }
        if let Some(value) = members.get_mut(name) {
            fill(root, schema, value);
        }
    }
}
