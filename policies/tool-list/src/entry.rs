//! One entry of a list: a glob over the action's name, and perhaps over the resource.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use writ_sdk::{Glob, Request};

/// Which actions an entry means. In settings it is a glob, or an object of globs that must all
/// match.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    action: Glob,
    resource_type: Option<Glob>,
    resource_id: Option<Glob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Full {
    action: Glob,
    resource_type: Option<Glob>,
    resource_id: Option<Glob>,
}

impl Entry {
    /// Whether the entry means this request.
    pub fn matches(&self, request: &Request) -> bool {
        let part = |glob: &Option<Glob>, text: &str| glob.as_ref().is_none_or(|g| g.matches(text));
        self.action.matches(&request.action.name)
            && part(&self.resource_type, &request.resource.kind)
            && part(&self.resource_id, &request.resource.id)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        match (&self.resource_type, &self.resource_id) {
            (None, None) => Ok(()),
            (Some(kind), None) => write!(f, " on {kind}"),
            (None, Some(id)) => write!(f, " on * {id}"),
            (Some(kind), Some(id)) => write!(f, " on {kind} {id}"),
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

/// By hand, since serde's untagged enums forget why the right shape failed.
struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a glob or an object with `action`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
        let action = Glob::parse(text).map_err(E::custom)?;
        Ok(Entry { action, resource_type: None, resource_id: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        let Full { action, resource_type, resource_id } =
            Full::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Entry { action, resource_type, resource_id })
    }
}
