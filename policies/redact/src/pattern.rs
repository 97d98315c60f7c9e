//! What is looked for inside of strings.
//!
//! Kinds of data that have a name are found by scans of their own: the engine of regular
//! expressions, which is small, takes some hundred times as long.

use std::ops::Range;

use regex_lite::Regex;
use serde::Deserialize;

use crate::card::Card;
use crate::iban::Iban;
use crate::{email, number};

/// A kind of data that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Find {
    /// Mail addresses.
    Email,
    /// International bank account numbers.
    Iban,
    /// Payment card numbers of 13 to 19 digits.
    CardNumber,
}

/// Tells which parts of a text are meant.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// All of a named kind.
    Named(Find),
    /// What a regular expression of the operator's finds.
    Regex(Regex),
}

impl Pattern {
    /// A regular expression of the operator's.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(text).map_err(|error| format!("`{text}` is no regex: {error}"))?;
        if regex.is_match("") {
            return Err(format!("`{text}` finds the empty text everywhere"));
        }
        Ok(Self::Regex(regex))
    }

    /// Replaces every part that is found, and counts them. None where there is none.
    pub(crate) fn replace(&self, text: &str, with: &str) -> Option<(String, u64)> {
        let found = self.find(text);
        if found.is_empty() {
            return None;
        }
        let mut replaced = String::with_capacity(text.len());
        let mut rest = 0;
        for part in &found {
            replaced.push_str(&text[rest..part.start]);
            replaced.push_str(with);
            rest = part.end;
        }
        replaced.push_str(&text[rest..]);
        Some((replaced, found.len() as u64))
    }

    /// The parts, in order and apart from each other. None is empty: between two characters (where
    /// `\b` finds something) is nothing to redact.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Named(Find::Email) => email::find(text),
            Self::Named(Find::Iban) => number::find::<Iban>(text),
            Self::Named(Find::CardNumber) => number::find::<Card>(text),
            Self::Regex(regex) => {
                let found = regex.find_iter(text).map(|found| found.range());
                found.filter(|part| !part.is_empty()).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(regex: &str, text: &str, expected: Option<(&str, u64)>) {
        let replaced = Pattern::parse(regex).unwrap().replace(text, "*");
        assert_eq!(replaced, expected.map(|(text, count)| (text.to_owned(), count)));
    }

    #[test]
    fn every_part_is_replaced_and_counted() {
        check("b+", "abbcbé", Some(("a*c*é", 2)));
        check("^a", "ba", None);
    }

    #[test]
    fn what_is_found_between_characters_is_left_alone() {
        check(r"\b", "ab cd", None);
        check(r"c|\b", "ab c d", Some(("ab * d", 1)));
        check(r"\bx*", "ab xx", Some(("ab *", 1)));
    }

    #[test]
    fn a_regex_that_finds_nothing_in_particular_is_refused() {
        assert!(Pattern::parse("a*").is_err());
        assert!(Pattern::parse("(").is_err());
    }
}
