//! Where an execution stands.

use serde::{Deserialize, Serialize};

use crate::binding::BindingName;
use crate::digest::Digest;
use crate::json::Json;
use crate::person::Person;

/// Where an execution stands. A variant holds only what is true in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Status {
    /// Nobody has decided yet. May become denied, awaiting-approval, allowed.
    Received,
    /// Policies said no. Final.
    Denied(Denied),
    /// People are asked. May become rejected, expired, cancelled, allowed.
    AwaitingApproval,
    /// An approver said no. Final.
    Rejected,
    /// Nobody answered, or nobody began, in time. Final.
    Expired,
    /// Somebody called it off before it began, or while its tool waited. Final.
    Cancelled {
        /// Who.
        by: Person,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It may begin. May become running, expired, cancelled, and, where policies are asked again,
    /// denied or awaiting-approval.
    Allowed {
        /// When it may not begin any more, in milliseconds since the Unix epoch.
        start_by_ms: u64,
        /// Whether policies have let it go on as it stands, with what they store; otherwise, or where
        /// another set decides than [`super::Execution::decided_by`], they are asked again before it begins.
        settled: bool,
    },
    /// Its holder carries it out. May become succeeded, failed, unknown and, where a tool does,
    /// suspended, and denied where policies are asked again before another run takes it over.
    Running {
        /// Who claimed it.
        holder: Person,
        /// Digest of the permit that the holder reports with.
        permit: Digest,
        /// When the holder must have reported, in milliseconds since the Unix epoch.
        lease_until_ms: u64,
    },
    /// Its tool has been dropped, or its endpoint could not be called, and it goes on once what it
    /// waits for is there. May become running, cancelled and, where policies are asked again, denied;
    /// and where a call of its endpoint may have arrived, succeeded or failed when somebody tells.
    Suspended {
        /// What it waits for.
        awaits: Awaited,
    },
    /// It was carried out. Final.
    Succeeded {
        /// What it gave.
        result: Json,
    },
    /// It was not carried out, or in vain. Final.
    Failed {
        /// Why.
        error: String,
    },
    /// It began, and nobody knows how it ended. It is not begun again by itself; may become
    /// succeeded or failed when somebody tells, and suspended where an operator has its endpoint
    /// called again.
    Unknown {
        /// Who claimed it.
        holder: Person,
        /// Digest of the permit that the holder may still report with.
        permit: Digest,
        /// Why nobody knows; none where its lease ran out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
}

impl Status {
    /// Every name, for closed label sets.
    pub const NAMES: &'static [&'static str] = &[
        "received",
        "denied",
        "awaiting-approval",
        "rejected",
        "expired",
        "cancelled",
        "allowed",
        "running",
        "suspended",
        "succeeded",
        "failed",
        "unknown",
    ];

    /// The names of those that nothing can follow.
    pub const FINAL_NAMES: &'static [&'static str] =
        &["denied", "rejected", "expired", "cancelled", "succeeded", "failed"];

    /// The status's name in answers, records and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Denied(_) => "denied",
            Self::AwaitingApproval => "awaiting-approval",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled { .. } => "cancelled",
            Self::Allowed { .. } => "allowed",
            Self::Running { .. } => "running",
            Self::Suspended { .. } => "suspended",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Whether it is not decided yet whether it may begin: people are waited for.
    pub fn is_undecided(&self) -> bool {
        matches!(self, Self::Received | Self::AwaitingApproval)
    }

    /// Whether nothing can follow.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Denied(_)
            | Self::Rejected
            | Self::Expired
            | Self::Cancelled { .. }
            | Self::Succeeded { .. }
            | Self::Failed { .. } => true,
            Self::Received
            | Self::AwaitingApproval
            | Self::Allowed { .. }
            | Self::Running { .. }
            | Self::Suspended { .. }
            | Self::Unknown { .. } => false,
        }
    }
}

/// What a suspended tool waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Awaited {
    /// The end of an approval of its execution.
    Approval {
        /// The approval's id.
        id: String,
    },
    /// The end of another execution, which it called.
    Execution {
        /// That execution's id.
        id: String,
        /// Whether it has ended.
        has_ended: bool,
    },
    /// A time, at which its endpoint is called again.
    Time {
        /// When, in milliseconds since the Unix epoch.
        at_ms: u64,
        /// Why the last call failed. Shown to operators, so it holds no address and no secret.
        error: String,
        /// Whether any call may have arrived.
        may_have_arrived: bool,
    },
}

/// Why an action may not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// A stable code: an [`crate::Outcome::code`]; `too-many-approvals`; or, of what the host carries
    /// out itself, `action-changed` and `requirement-changed` where policies, asked again, want
    /// another action or the agreement of others, and `tool-changed` where the tool is another.
    pub code: String,
    /// What each policy that denied said; its fault's code where it gave no verdict.
    pub reasons: Vec<Reason>,
}

impl Denied {
    /// A denial that its code tells all of.
    pub(super) fn bare(code: &str) -> Self {
        Self { code: code.to_owned(), reasons: Vec::new() }
    }
}

/// What one policy said against an action, or the host about its tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The policy's binding, or the tool's name.
    pub binding: BindingName,
    /// What it said.
    pub reason: String,
}
