//! A case as it is written in a file.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use writ_core::BindingName;
use writ_core::approval::Choice;

use super::Storage;
use super::expect::Expect;

/// A file of TOML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCases {
    pub(super) case: Vec<RawCase>,
}

/// A case: `steps`, or one `request` with what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCase {
    pub(super) name: String,
    #[serde(default)]
    pub(super) given: RawGiven,
    pub(super) request: Option<RawRequest>,
    pub(super) expect: Option<Expect>,
    #[serde(default)]
    pub(super) steps: Vec<RawStep>,
}

/// What there is before the first step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawGiven {
    #[serde(alias = "at_ms")]
    pub(super) at: Option<Instant>,
    pub(super) storage: Storage,
    pub(super) approvals: Vec<RawApproval>,
}

/// What people were asked before; about the first step's request where none is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApproval {
    pub(super) binding: BindingName,
    #[serde(alias = "at_ms")]
    pub(super) at: Instant,
    pub(super) state: RawState,
    pub(super) request: Option<RawRequest>,
    #[serde(default)]
    pub(super) votes: Vec<RawVote>,
}

/// How an approval stands.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawState {
    Pending,
    Approved,
    Rejected,
    Expired,
    Cancelled,
}

/// What somebody said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVote {
    pub(super) approver: String,
    pub(super) decision: Choice,
    pub(super) reason: Option<String>,
}

/// One request: at an instant, or so many seconds after the step before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    #[serde(alias = "at_ms")]
    pub(super) at: Option<Instant>,
    pub(super) after_seconds: Option<u64>,
    pub(super) request: RawRequest,
    pub(super) expect: Expect,
}

/// A request in AuthZEN's shape.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequest {
    pub(super) subject: RawEntity,
    pub(super) action: RawAction,
    pub(super) resource: RawEntity,
    #[serde(default)]
    pub(super) context: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntity {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) properties: Map<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAction {
    pub(super) name: String,
    #[serde(default)]
    pub(super) properties: Map<String, Value>,
}

/// Milliseconds since the Unix epoch, written so or as RFC 3339 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant(pub(super) u64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = Instant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "milliseconds since the Unix epoch, or a time such as `2026-11-22T09:00:00Z`",
                )
            }

            fn visit_u64<E>(self, at_ms: u64) -> Result<Instant, E> {
                Ok(Instant(at_ms))
            }

            fn visit_i64<E: serde::de::Error>(self, at_ms: i64) -> Result<Instant, E> {
                u64::try_from(at_ms).map(Instant).map_err(|_| self.refused(&at_ms.to_string()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Instant, E> {
                let at_ms =
                    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
                let at_ms = at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
                at_ms.map(Instant).ok_or_else(|| self.refused(text))
            }
        }

        impl NumberOrText {
            fn refused<E: serde::de::Error>(&self, text: &str) -> E {
                E::invalid_value(serde::de::Unexpected::Other(&format!("`{text}`")), self)
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}
