//! Globs over names and ids, in the dialect that policies share.
//!
//! `*` is any run of characters, `?` is one; `/` is a character like others, and case counts.
//! There is no escape, no class and no alternative: what other dialects mean by `[`, `{` or a
//! leading `!` is refused, because a denial that silently never matches is a hole.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wildmatch::WildMatch;

/// A pattern over a whole text.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob {
    pattern: WildMatch,
}

impl Glob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Says which part of it is another dialect's.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty glob matches nothing".to_owned());
        }
        if let Some(other) = text.chars().find(|letter| "[]{}\\".contains(*letter)) {
            return Err(format!(
                "`{other}` in the glob `{text}` has no meaning here\nhint: `*` is any run of characters and `?` is one; write two globs for an alternative"
            ));
        }
        if text.starts_with('!') {
            return Err(format!("the glob `{text}` cannot be negated by `!`"));
        }
        Ok(Self { pattern: WildMatch::new(text) })
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.pattern.matches(text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One glob or several, of which one must match. In settings: a text or a list of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Globs {
    globs: Vec<Glob>,
}

impl Globs {
    /// Whether one of them matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.globs.iter().any(|glob| glob.matches(text))
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// By hand, since serde's untagged enums forget why the right shape failed.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Globs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a glob or a list of globs")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Globs, E> {
        let glob = Glob::parse(text).map_err(E::custom)?;
        Ok(Globs { globs: vec![glob] })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Globs, A::Error> {
        let mut globs = Vec::new();
        while let Some(glob) = list.next_element()? {
            globs.push(glob);
        }
        Ok(Globs { globs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, text: &str, expected: bool) {
        assert_eq!(Glob::parse(glob).unwrap().matches(text), expected, "{glob} on {text}");
    }

    #[test]
    fn stars_and_question_marks_are_the_wildcards() {
        check("read_*", "read_file", true);
        check("read_*", "read_", true);
        check("read_*", "xread_file", false);
        check("*", "a/b", true);
        check("*/b", "a/c/b", true);
        check("?", "é", true);
        check("?", "", false);
        check("a*b*c", "aXbYbZc", true);
        check("Read", "read", false);
    }

    #[test]
    fn what_other_dialects_mean_is_refused() {
        for glob in ["[ab]", "{a,b}", "a\\*", "!a", ""] {
            assert!(Glob::parse(glob).is_err(), "{glob}");
        }
    }

    #[test]
    fn several_globs_match_if_one_does() {
        let globs: Globs = serde_json::from_value(serde_json::json!(["a", "b*"])).unwrap();
        assert!(globs.matches("bc") && globs.matches("a") && !globs.matches("c"));
        let one: Globs = serde_json::from_value(serde_json::json!("a?")).unwrap();
        assert!(one.matches("ab") && !one.matches("a"));
        let told = serde_json::from_value::<Globs>(serde_json::json!("{a,b}")).unwrap_err();
        assert!(told.to_string().contains("no meaning here"), "{told}");
    }
}
