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
}

/// A verdict and what the policy wants recorded beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDecision {
    /// What the policy says.
    pub verdict: Verdict,
    /// A JSON object.
    pub annotations: Json,
}

impl PolicyDecision {
    /// Digest of what it says beyond a name and a reason: a patch, a requirement, annotations. None
    /// where it says nothing of the kind.
    pub fn particulars(&self) -> Option<Digest> {
        let said = match &self.verdict {
            Verdict::Amend { patch } => patch.as_str().to_owned(),
            Verdict::RequireApproval { requirement } => {
                serde_json::to_string(requirement).expect("a requirement is JSON")
            }
            Verdict::Abstain | Verdict::Allow | Verdict::Deny { .. } => String::new(),
        };
        let annotations = self.annotations.as_str();
        let is_more = !said.is_empty() || annotations != "{}";
        is_more.then(|| Digest::of_parts([said.as_bytes(), annotations.as_bytes()]))
    }
}
