//! A place in a request, checked once.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::pointer::Pointer;

/// A JSON pointer (RFC 6901) into a request's AuthZEN shape: the whole of it (empty), `/subject`,
/// `/action`, `/resource` and `/context`, their members, and whatever is below `properties` and in
/// the context.
///
/// One that leads nowhere in any request is refused: a denial that rests on it would never come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Pointer);

impl Place {
    /// Parses the text of a pointer.
    ///
    /// # Errors
    /// Says what is wrong with a text that is no pointer, or leads nowhere.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pointer = Pointer::parse(text)?;
        if leads_somewhere(pointer.tokens()) {
            Ok(Self(pointer))
        } else {
            Err(format!("`{text}` leads nowhere in a request: {}", members(pointer.tokens())))
        }
    }

    pub(crate) fn tokens(&self) -> &[String] {
        self.0.tokens()
    }
}

fn leads_somewhere(tokens: &[String]) -> bool {
    let Some((part, rest)) = tokens.split_first() else { return true };
    match (part.as_str(), rest) {
        ("subject" | "resource" | "action" | "context", []) | ("context", _) => true,
        ("subject" | "resource", [name]) if name == "type" || name == "id" => true,
        ("action", [name]) if name == "name" => true,
        ("subject" | "resource" | "action", [name, ..]) => name == "properties",
        _ => false,
    }
}

/// What there is where a pointer goes astray.
fn members(tokens: &[String]) -> &'static str {
    match tokens.first().map(String::as_str) {
        Some("subject" | "resource") => "this part has `type`, `id` and `properties`",
        Some("action") => "this part has `name` and `properties`",
        _ => "it has `subject`, `action`, `resource` and `context`",
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_that_a_request_may_have() {
        for text in [
            "",
            "/subject",
            "/subject/type",
            "/resource/id",
            "/resource/properties",
            "/subject/properties/roles/0",
            "/action/name",
            "/action/properties/a~1b",
            "/context",
            "/context/ip",
        ] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in [
            "/actions/name",
            "/action/propertis/amount",
            "/action/id",
            "/subject/name",
            "/subject/id/0",
            "/resource/property/env",
            "/",
        ] {
            let refused = Place::parse(text).unwrap_err();
            assert!(refused.starts_with(&format!("`{text}` leads nowhere in a request: ")));
        }
        let refused = Place::parse("/action/propertis/amount").unwrap_err();
        assert!(refused.ends_with("this part has `name` and `properties`"), "{refused}");
        assert!(Place::parse("action").unwrap_err().contains("is no JSON pointer"));
    }
}
