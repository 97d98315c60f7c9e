//! A policy's settings: JSON, and where each part of it was written.
//!
//! They are checked against the policy's own JSON Schema (2020-12). The schema comes from the
//! component and is not trusted: it is never fetched from elsewhere, and its patterns run on an
//! engine that takes linear time.

use std::sync::Arc;

use jsonschema::{PatternOptions, ValidationError};
use serde_json::{Map, Value};
use writ_core::{BindingName, Json};

use super::source::Source;
use super::violation::{Violation, shortened};
use crate::config::ConfigError;
use crate::config::document::{Document, Place, Step};
use crate::config::json_text::JsonText;

/// What `configure` is given.
#[derive(Clone, Debug)]
pub struct Settings {
    json: Json,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// In a configuration, at this path.
    Inline(Arc<Document>, Vec<Step>),
    /// In a file of their own, or in an option of the command line.
    Text(JsonText),
    /// Nowhere that has lines: what they are called.
    Named(String),
}

impl Settings {
    /// How large a file of settings may be, in bytes.
    pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;

    /// `{}`; what is wrong with it is wrong with the binding at this path.
    pub(super) fn none(document: &Arc<Document>, path: Vec<Step>) -> Self {
        let origin = Origin::Inline(document.clone(), path);
        Self { json: Json::empty_object(), origin }
    }

    /// `{}` for a component that is used alone; what is wrong with it is wrong with the component.
    pub fn absent(component: &Source) -> Self {
        Self { json: Json::empty_object(), origin: Origin::Named(component.to_string()) }
    }

    /// A table of the configuration.
    pub(super) fn inline(
        document: &Arc<Document>,
        mut path: Vec<Step>,
        table: toml::Table,
    ) -> Result<Self, ConfigError> {
        let value = json_object(table, &mut path, document)?;
        let json = Json::from_value(&value).map_err(|error| document.error(&path, error))?;
        Ok(Self { json, origin: Origin::Inline(document.clone(), path) })
    }

    /// A text of JSON, and the name of the file or the option that it comes from.
    ///
    /// # Errors
    /// Where it is no JSON that can be held exactly.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let json = Json::parse(text).map_err(|error| ConfigError::in_file(name.as_ref(), error))?;
        Ok(Self { json, origin: Origin::Text(JsonText::new(name, text)) })
    }

    /// Those of a binding that is kept, or sent.
    pub(super) fn kept(binding: &BindingName, json: Json) -> Self {
        Self { json, origin: Origin::Named(format!("the settings of `{binding}`")) }
    }

    /// The settings as canonical JSON.
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// The file that gives them, from the configuration's directory on; none where that is the
    /// configuration itself.
    pub(crate) fn file(&self) -> Option<&str> {
        match &self.origin {
            Origin::Text(text) => Some(text.name()),
            Origin::Inline(..) | Origin::Named(_) => None,
        }
    }

    /// The key of a binding that gives them.
    pub(super) fn key(&self) -> &'static str {
        match self.origin {
            Origin::Text(_) => "settings-file",
            Origin::Inline(..) | Origin::Named(_) => "settings",
        }
    }

    /// Checks them against a policy's schema.
    ///
    /// # Errors
    /// The first part that breaks it, with its path; or what is wrong with the schema itself.
    pub(super) fn check(&self, schema: &Value) -> Result<(), ConfigError> {
        let validator = jsonschema::draft202012::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
            .map_err(|error| self.broken_schema(&error))?;
        let value = self.json.to_value();
        match Violation::of(validator.iter_errors(&value), schema, &value) {
            Some(found) => {
                Err(ConfigError::at(self.place(found.path), found.message).with_hint(found.hint))
            }
            None => Ok(()),
        }
    }

    /// An error about the settings as a whole.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> ConfigError {
        ConfigError::at(self.place(Vec::new()), message)
    }

    fn broken_schema(&self, error: &ValidationError<'_>) -> ConfigError {
        let what = shortened(&error.to_string());
        self.error(format!("the policy's own settings schema is no JSON Schema: {what}"))
            .with_hint("tell whoever wrote the policy")
    }

    /// Where the part at a path was written.
    fn place(&self, path: Vec<Step>) -> Place {
        match &self.origin {
            Origin::Text(text) => text.place(&path),
            Origin::Named(name) => Place { file: name.clone(), position: None },
            Origin::Inline(document, start) => {
                document.place(&start.iter().cloned().chain(path).collect::<Vec<_>>())
            }
        }
    }
}

fn json_object(
    table: toml::Table,
    path: &mut Vec<Step>,
    document: &Document,
) -> Result<Value, ConfigError> {
    let mut object = Map::new();
    for (key, value) in table {
        path.push(Step::Key(key.clone()));
        object.insert(key, json(value, path, document)?);
        path.pop();
    }
    Ok(Value::Object(object))
}

fn json(
    value: toml::Value,
    path: &mut Vec<Step>,
    document: &Document,
) -> Result<Value, ConfigError> {
    match value {
        toml::Value::String(text) => Ok(text.into()),
        toml::Value::Integer(number) => Ok(number.into()),
        toml::Value::Boolean(value) => Ok(value.into()),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| document.error(path, format!("JSON has no number `{number}`"))),
        toml::Value::Datetime(time) => {
            let message = format!("settings are JSON, which has no dates\nhint: write \"{time}\"");
            Err(document.error(path, message))
        }
        toml::Value::Table(table) => json_object(table, path, document),
        toml::Value::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                path.push(Step::Index(index));
                list.push(json(item, path, document)?);
                path.pop();
            }
            Ok(Value::Array(list))
        }
    }
}
