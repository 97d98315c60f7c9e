//! A binding ties a policy to the requests that it decides.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::request::Request;

macro_rules! name_type {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name's text. A name is cheap to clone.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                is_name(text)
                    .then(|| Self(text.into()))
                    .ok_or_else(|| InvalidName { what: $what, text: text.to_owned() })
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type! {
    /// Names a binding within its policy set: 1 to 64 lower-case letters, digits and hyphens.
    BindingName, "binding name"
}
name_type! {
    /// Names a tenant: 1 to 64 lower-case letters, digits and hyphens.
    Tenant, "tenant"
}
name_type! {
    /// Names a channel on which others are told: 1 to 64 lower-case letters, digits and hyphens.
    ChannelName, "channel name"
}

impl Default for Tenant {
    /// The tenant of a host that serves only one: `default`.
    fn default() -> Self {
        Self("default".into())
    }
}

/// A text is no name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}\nhint: use 1 to 64 lower-case letters, digits and hyphens")]
pub struct InvalidName {
    what: &'static str,
    text: String,
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Whether a binding's verdict counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It counts.
    #[default]
    Enforce,
    /// It is asked on the side, and changes nothing.
    Shadow,
}

/// When a binding's storage writes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commit {
    /// Only if the combined decision lets the action go on.
    #[default]
    OnPermit,
    /// Whatever is decided: for counting attempts.
    Always,
}

/// A policy, bound: everything about it that is not code.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its name; also the name of its storage.
    pub name: BindingName,
    /// Which requests it decides.
    pub matcher: Matcher,
    /// Whether its verdict counts.
    pub mode: Mode,
    /// When its storage writes are kept.
    pub commit: Commit,
}

/// Which requests a binding decides. Each part that is given must match; one that is not given
/// matches everything.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    parts: Vec<(Part, Vec<WildMatch>)>,
}

/// The part of a request that globs are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `subject.type`
    SubjectType,
    /// `subject.id`
    SubjectId,
    /// `action.name`
    ActionName,
    /// `resource.type`
    ResourceType,
    /// `resource.id`
    ResourceId,
}

/// A glob does not parse.
#[derive(Debug, thiserror::Error)]
#[error("`{glob}` is no glob: {reason}")]
pub struct InvalidGlob {
    glob: String,
    reason: String,
}

impl Matcher {
    /// Requires that a part matches at least one of some globs: `*` any run of characters (`/`
    /// included), `?` one character; case counts. The dialect is the one of the starter policies:
    /// what others mean by `[`, `{`, `\\` or a leading `!` is refused, because a binding that
    /// silently never matches is a hole.
    ///
    /// # Errors
    /// The first glob that is of another dialect, or empty.
    pub fn require(mut self, part: Part, globs: &[String]) -> Result<Self, InvalidGlob> {
        let compiled = globs.iter().map(|glob| match unsupported(glob) {
            None => Ok(WildMatch::new(glob)),
            Some(reason) => Err(InvalidGlob { glob: glob.clone(), reason }),
        });
        self.parts.push((part, compiled.collect::<Result<_, _>>()?));
        Ok(self)
    }

    /// Whether a request is one of those that the binding decides.
    pub fn matches(&self, request: &Request) -> bool {
        self.parts.iter().all(|(part, globs)| {
            let text = part.of(request);
            globs.iter().any(|glob| glob.matches(text))
        })
    }
}

/// Why a text is no glob.
fn unsupported(glob: &str) -> Option<String> {
    let other = glob.chars().find(|letter| r"[]{}\".contains(*letter));
    let other = other.or_else(|| glob.chars().next().filter(|letter| *letter == '!'));
    match other {
        Some(other) => {
            Some(format!("`{other}` has no meaning here; write a list for alternatives"))
        }
        None if glob.is_empty() => Some("it is empty and matches nothing".to_owned()),
        None => None,
    }
}

impl Part {
    fn of(self, request: &Request) -> &str {
        match self {
            Self::SubjectType => &request.subject.kind,
            Self::SubjectId => &request.subject.id,
            Self::ActionName => &request.action.name,
            Self::ResourceType => &request.resource.kind,
            Self::ResourceId => &request.resource.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Entity, Json};

    fn request(action: &str, resource: &str) -> Request {
        let entity = |kind: &str, id: &str| Entity {
            kind: kind.into(),
            id: id.into(),
            properties: Json::empty_object(),
        };
        Request {
            subject: entity("agent", "a1"),
            action: Action { name: action.into(), properties: Json::empty_object() },
            resource: entity("file", resource),
            context: Json::empty_object(),
        }
    }

    #[test]
    fn every_given_part_must_match_one_of_its_globs() {
        let matcher = Matcher::default()
            .require(Part::ActionName, &["read_*".into(), "list".into()])
            .and_then(|m| m.require(Part::ResourceId, &["/srv/*".into()]))
            .unwrap();
        assert!(matcher.matches(&request("read_file", "/srv/a/b")));
        assert!(matcher.matches(&request("list", "/srv/")));
        assert!(!matcher.matches(&request("write", "/srv/a")));
        assert!(!matcher.matches(&request("list", "/etc/passwd")));
    }

    #[test]
    fn what_requires_nothing_matches_everything() {
        assert!(Matcher::default().matches(&request("x", "y")));
    }

    #[test]
    fn a_question_mark_is_one_character_and_not_one_byte() {
        let matcher = Matcher::default().require(Part::ActionName, &["pay?x".into()]).unwrap();
        assert!(matcher.matches(&request("payax", "y")));
        assert!(matcher.matches(&request("payéx", "y")));
        assert!(!matcher.matches(&request("payx", "y")));
    }

    #[test]
    fn a_broken_glob_is_named() {
        let error = Matcher::default().require(Part::ActionName, &["[a".into()]).unwrap_err();
        assert!(error.to_string().starts_with("`[a` is no glob: "), "{error}");
    }

    #[test]
    fn names_have_a_strict_character_set() {
        for text in ["", "A", "a b", "../x", &"a".repeat(65)] {
            assert!(text.parse::<BindingName>().is_err(), "{text}");
        }
        assert_eq!("rate-limit-1".parse::<BindingName>().unwrap().as_str(), "rate-limit-1");
    }
}
