//! A regular expression that is compiled once.

use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Deserializer, de};

/// A regular expression (`regex-lite`'s syntax: no look-around, no back-references, ASCII
/// classes). It searches; `^` and `$` anchor it.
#[derive(Clone)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles the text.
    ///
    /// # Errors
    /// Says why it is no regular expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(text)
            .map_err(|error| format!("`{text}` is no regular expression: {error}"))?;
        // A search makes the working memory of the expression, which the snapshot then holds.
        regex.is_match("");
        Ok(Self { regex })
    }

    /// Whether it is found in a text. Takes time in proportion to both lengths, never more.
    pub fn is_found(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.regex.as_str(), f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
