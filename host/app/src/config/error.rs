//! What is wrong with a configuration: one clear text, with file, line and next step.

use std::fmt;
use std::path::Path;

use super::document::Place;

/// A configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}{}", hint_line(self.hint.as_deref()))]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What, and why.
    pub message: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
}

impl ConfigError {
    /// An error without a hint, unless the message brings its own in a line `hint: ...`.
    pub(crate) fn at(place: Place, message: impl fmt::Display) -> Self {
        let text = message.to_string();
        let (message, hint) = match text.split_once("\nhint: ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self { place, message, hint }
    }

    /// An error about a file as a whole.
    pub(crate) fn in_file(file: &Path, message: impl fmt::Display) -> Self {
        Self::at(Place { file: file.display().to_string(), position: None }, message)
    }

    /// An error about the variable that names the database.
    pub(crate) fn in_variable(message: impl fmt::Display) -> Self {
        Self::at(Place { file: "WRIT_DATABASE_URL".into(), position: None }, message)
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn hint_line(hint: Option<&str>) -> String {
    hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}
