//! Who acts and who votes, by one spelling.
//!
//! A person is written in a policy, in a token and in a key, seldom the same way. What is compared
//! is folded (Unicode NFKC, lower case), so that `Ann`, `ann` and `ａｎｎ` are one person and have
//! one vote. What is shown is what was written.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use crate::text::is_invisible;

/// How long a name may be, in bytes, as it is written.
pub const PERSON_BYTES_MAX: usize = 256;

/// A person or a program. Equal where the folded names are equal.
#[derive(Clone)]
pub struct Person {
    written: Arc<str>,
    folded: Arc<str>,
}

/// A text names nobody.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nobody\nhint: use 1 to {PERSON_BYTES_MAX} bytes, no control or invisible characters, and no space at either end"
)]
pub struct InvalidPerson(String);

impl Person {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The name that is compared, and stored where names are looked up.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whoever a text may mean, also one that names nobody properly: to be told apart from others,
    /// and never to be given a right.
    pub fn meant_by(text: &str) -> Self {
        Self { written: text.into(), folded: fold(text).into() }
    }

    /// Whether a text is another spelling of this person.
    pub fn is(&self, text: &str) -> bool {
        fold(text) == *self.folded
    }
}

/// The name that is compared, of a text that may name nobody.
pub fn fold(text: &str) -> String {
    let visible: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
    // Folding twice: lower case may give letters that NFKC composes again.
    visible.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

impl FromStr for Person {
    type Err = InvalidPerson;

    fn from_str(text: &str) -> Result<Self, InvalidPerson> {
        let folded = fold(text);
        let sound = text.len() <= PERSON_BYTES_MAX
            && text.trim() == text
            && !folded.is_empty()
            && !text.chars().any(is_invisible);
        if !sound {
            return Err(InvalidPerson(text.chars().take(80).collect()));
        }
        Ok(Self { written: text.into(), folded: folded.into() })
    }
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Person {}

impl PartialOrd for Person {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Person {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for Person {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Person {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> serde::Deserialize<'de> for Person {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(text: &str) -> Person {
        text.parse().unwrap()
    }

    #[test]
    fn two_spellings_are_one_person() {
        for other in ["Ann", "ANN", "ａｎｎ"] {
            assert_eq!(person("ann"), person(other), "{other}");
        }
        // One letter, or a letter and a combining mark.
        assert_eq!(person("Zo\u{eb}"), person("zoe\u{308}"));
        assert_ne!(person("ann"), person("anna"));
        assert_eq!(person("Ann").as_str(), "Ann");
    }

    #[test]
    fn folding_is_a_fixed_point() {
        for text in ["ANN", "İstanbul", "ǅ", "ﬁ", "K"] {
            let folded = fold(text);
            assert_eq!(fold(&folded), folded, "{text}");
        }
    }

    #[test]
    fn whoever_is_meant_is_told_apart_however_the_text_is_dressed() {
        for text in ["ann", " Ann", "ann\u{0}", "a\u{200b}nn", "ann\u{feff}"] {
            assert_eq!(Person::meant_by(text), person("ann"), "{text:?}");
        }
        assert_ne!(Person::meant_by("anna"), person("ann"));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", " ", " ann", "ann ", "a\nb", "ann\u{200b}", &"a".repeat(257)] {
            assert!(text.parse::<Person>().is_err(), "{text:?}");
        }
    }
}
