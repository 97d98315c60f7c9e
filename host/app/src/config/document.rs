//! The text of a configuration file, and where in it something stands.
//!
//! Everything that is refused in a file is refused with its line and column. Positions are looked
//! up only then: the text is parsed a second time, and nothing else has to carry spans about.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::wording;

/// A TOML file that was read.
#[derive(Debug)]
pub struct Document {
    name: String,
    text: String,
}

/// A place in a file; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the operator named it.
    pub file: String,
    /// Line and column; none where only the file is known.
    pub position: Option<(usize, usize)>,
}

/// One step from a value to a value that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of a list.
    Index(usize),
}

impl Document {
    /// A text, and the name of the file that it was read from.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as a value.
    ///
    /// # Errors
    /// Where it is no TOML, or not of this type: what is wrong first, in the file's order.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let deserializer = toml::Deserializer::parse(&self.text).map_err(|error| {
            ConfigError::at(
                self.place_of(error.span()),
                format!("no valid TOML: {}", error.message()),
            )
        })?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            let (message, hint) = wording::of_serde(inner.message(), &path);
            ConfigError { place: self.place_of(inner.span()), message, hint }
        })
    }

    /// An error about the value at the end of a path.
    pub(crate) fn error(&self, path: &[Step], message: impl fmt::Display) -> ConfigError {
        ConfigError::at(self.place(path), message)
    }

    /// Where the value at the end of a path stands, or the last value before it that is there;
    /// the file alone where there is none.
    pub fn place(&self, path: &[Step]) -> Place {
        let table = DeTable::parse(&self.text).ok();
        self.place_of(table.and_then(|table| span_of(&table, path)))
    }

    fn place_of(&self, span: Option<Range<usize>>) -> Place {
        Place::in_text(&self.name, &self.text, span.map(|span| span.start))
    }
}

impl Place {
    /// A place in a file's text, by its offset in bytes.
    pub(super) fn in_text(file: &str, text: &str, offset: Option<usize>) -> Self {
        let position = offset.map(|offset| {
            let before = text.get(..offset).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
        });
        Self { file: file.to_owned(), position }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path made of keys and indices.
macro_rules! at {
    ($($step:expr),* $(,)?) => { Vec::from([$($crate::config::document::Step::from($step)),*]) };
}
pub(crate) use at;

fn span_of(table: &Spanned<DeTable<'_>>, path: &[Step]) -> Option<Range<usize>> {
    let Some((Step::Key(first), rest)) = path.split_first() else {
        return None;
    };
    let (key, mut value) = table.get_ref().get_key_value(first.as_str())?;
    // The span of a table that a header opens may be anything in it: its key says more.
    let mut span = if is_table(value) { key.span() } else { value.span() };
    for step in rest {
        let next = match (step, value.get_ref()) {
            (Step::Key(name), DeValue::Table(table)) => {
                table.get_key_value(name.as_str()).map(|(key, value)| (key.span(), value))
            }
            (Step::Index(index), DeValue::Array(items)) => {
                items.get(*index).map(|value| (value.span(), value))
            }
            _ => None,
        };
        let Some((key_span, next)) = next else {
            return Some(span);
        };
        span = if is_table(next) { key_span } else { next.span() };
        value = next;
    }
    Some(span)
}

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "a = 1\n\n[[b]]\nname = \"é\"\nset = { x = [1, 2], \"é\" = 3 }\n[[b]]\nname = 7\n";

    fn check(path: &[Step], position: Option<(usize, usize)>) {
        assert_eq!(Document::new("f", TEXT).place(path).position, position, "{path:?}");
    }

    #[test]
    fn a_path_leads_to_the_line_and_column_of_its_value() {
        check(&at!["a"], Some((1, 5)));
        check(&at!["b", 0, "name"], Some((4, 8)));
        check(&at!["b", 0, "set", "x", 1], Some((5, 17)));
        check(&at!["b", 0, "set", "é"], Some((5, 27)));
        check(&at!["b", 1, "name"], Some((7, 8)));
    }

    #[test]
    fn a_path_that_ends_early_leads_to_the_last_value_that_is_there() {
        check(&at!["b", 0, "set", "y", 1], Some((5, 1)));
        check(&at!["c", "d"], None);
        check(&[], None);
    }

    #[test]
    fn a_table_of_a_list_stands_at_its_header() {
        check(&at!["b", 1], Some((6, 1)));
    }
}
