//! JSON that is part of another text exactly as it is: what a digest is of must not depend on who
//! writes it down again.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::digest::Digest;

/// A text of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbatim(String);

impl Verbatim {
    /// A text that is JSON: else it cannot be written as part of another.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// SHA-256 of the text.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it says.
    ///
    /// # Errors
    /// Where it says something else.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl Serialize for Verbatim {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Verbatim {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.get().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[derive(Serialize, Deserialize)]
    struct Around {
        part: Verbatim,
    }

    #[test]
    fn a_part_stays_as_it_is() {
        let text = r#"{"part":{"b": 1E2,"a":"\u00e9"}}"#;
        let around: Around = serde_json::from_str(text).unwrap();
        assert_eq!(around.part.as_str(), r#"{"b": 1E2,"a":"\u00e9"}"#);
        assert_eq!(serde_json::to_string(&around).unwrap(), text);
        assert_eq!(around.part.read::<Value>().unwrap()["a"], "é");
    }

    #[test]
    fn what_is_no_json_is_part_of_nothing() {
        let around = Around { part: Verbatim::new("{".into()) };
        assert!(serde_json::to_string(&around).is_err());
    }
}
