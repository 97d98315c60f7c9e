//! What a policy answers.
//!
//! A decision is data; what the host makes of several is the host's matter (deny overrides, then
//! approval, then amendments, then allow).

use std::fmt;

use serde_json::{Map, Value};

use crate::requirement::Requirement;
use crate::text::clip;

/// The longest reason that a caller reads, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;

/// What a policy makes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// No opinion. If nobody allows the action, and nobody asks people, it is denied.
    Abstain,
    /// The action may go on.
    Allow,
    /// Other arguments, if the action goes on: a JSON Merge Patch (RFC 7396) over its properties. That
    /// allows nothing: another policy must allow the action.
    Amend(Map<String, Value>),
    /// Deny, with the reason that the caller reads.
    Deny(String),
    /// Allow only after people have agreed.
    RequireApproval(Requirement),
}

impl Verdict {
    /// The word for it in case files and records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Abstain => "abstain",
            Self::Allow => "allow",
            Self::Amend(_) => "amend",
            Self::Deny(_) => "deny",
            Self::RequireApproval(_) => "require-approval",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A verdict and what is worth recording beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Stored with the decision; a JSON object.
    pub annotations: Map<String, Value>,
}

impl Decision {
    /// No opinion.
    pub fn abstain() -> Self {
        Verdict::Abstain.into()
    }

    /// The action may go on.
    pub fn allow() -> Self {
        Verdict::Allow.into()
    }

    /// If the action goes on, then with other arguments; see [`Verdict::Amend`].
    pub fn amend(patch: Map<String, Value>) -> Self {
        Verdict::Amend(patch).into()
    }

    /// The action may not go on. A reason longer than [`REASON_CHARS_MAX`] is cut, so that a
    /// long value in it does not turn a denial into a fault.
    pub fn deny(reason: impl Into<String>) -> Self {
        Verdict::Deny(clip(reason.into(), REASON_CHARS_MAX)).into()
    }

    /// People must agree first.
    pub fn require_approval(requirement: Requirement) -> Self {
        Verdict::RequireApproval(requirement).into()
    }

    /// The same with one more annotation.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, annotations: Map::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_at_what_the_contract_allows() {
        let decision = Decision::deny("é".repeat(REASON_CHARS_MAX + 1));
        let Verdict::Deny(reason) = decision.verdict else { panic!("not a denial") };
        assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
        assert!(reason.ends_with('…'));
    }

    #[test]
    fn annotations_are_added_one_by_one() {
        let decision = Decision::allow().with("limit", 3).with("limit", 4);
        assert_eq!(decision.annotations["limit"], 4);
    }
}
