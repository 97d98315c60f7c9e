//! What one policy says of one request.

use serde::Serialize;

use crate::digest::Digest;
use crate::json::Json;
use crate::requirement::Requirement;

/// How long the reason of a denial may be, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;

/// A policy's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// No opinion.
    Abstain,
    /// The action may go on.
    Allow,
    /// The action may go on with other arguments.
    Amend {
        /// A JSON Merge Patch (RFC 7396) over the action's properties.
        patch: Json,
    },
    /// The action may not go on.
    Deny {
        /// What the caller reads.
        reason: String,
    },
    /// The action may go on after people have agreed.
    RequireApproval {
        /// What they must do.
        requirement: Requirement,
    },
}

impl Verdict {
    /// The verdict's name in answers, metrics and records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Abstain => "abstain",
            Self::Allow => "allow",
            Self::Amend { .. } => "amend",
            Self::Deny { .. } => "deny",
            Self::RequireApproval { .. } => "require-approval",
        }
    }

    /// Digest of what it says beyond its name and a reason: a patch, or a requirement.
    pub fn particulars(&self) -> Option<Digest> {
        match self {
            Self::Amend { patch } => Some(Digest::of(patch.as_str())),
            Self::RequireApproval { requirement } => {
                let text = serde_json::to_string(requirement).expect("a requirement is JSON");
                Some(Digest::of(text))
            }
            Self::Abstain | Self::Allow | Self::Deny { .. } => None,
        }
    }

    /// What the caller reads of a denial.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Deny { reason } => Some(reason),
            Self::Abstain | Self::Allow | Self::Amend { .. } | Self::RequireApproval { .. } => None,
        }
    }
}

/// A verdict and what the policy wants recorded beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDecision {
    /// What the policy says.
    pub verdict: Verdict,
    /// A JSON object.
    pub annotations: Json,
}
