//! What may happen to an execution, and why it may not.

use crate::approval::{Approval, Ballot, VoteRefused};
use crate::binding::BindingName;
use crate::digest::Digest;
use crate::execution::status::{Awaited, Denied, Status};
use crate::json::Json;
use crate::person::Person;
use crate::request::Request;
use crate::requirement::Requirement;
use crate::tool::BoundTool;

/// Something that happens to an execution. Times are in milliseconds since the Unix epoch and come
/// from whoever tells; the state machine has no clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Policies have decided, for the first time, or again before it begins or goes on.
    Decided {
        /// The decision's id.
        decision: String,
        /// The digest of the policy set that they are.
        policy_set: Digest,
        /// What they say.
        ruling: Ruling,
        /// The request as they amended it.
        request: Request,
        /// When.
        at_ms: u64,
    },
    /// Somebody answers an approval.
    Voted {
        /// The approval's id.
        approval: String,
        /// What they say, and when.
        ballot: Ballot,
    },
    /// Time has passed.
    Passed {
        /// It is now.
        at_ms: u64,
    },
    /// Somebody begins, or goes on with a tool.
    Claimed {
        /// Who, with what, and for how long.
        permission: Permission,
        /// When.
        at_ms: u64,
    },
    /// A running tool asks people.
    Asked {
        /// Digest of the permit that the claim gave.
        permit: Digest,
        /// What it asks; the tool's name stands for the binding.
        asking: Asking,
        /// When.
        at_ms: u64,
    },
    /// A running tool is dropped while it waits.
    Suspended {
        /// Digest of the permit that the claim gave.
        permit: Digest,
        /// What it waits for.
        awaits: Awaited,
        /// When.
        at_ms: u64,
    },
    /// What a suspended tool called has ended.
    CallEnded {
        /// The id of the execution that it called.
        execution: String,
        /// When.
        at_ms: u64,
    },
    /// A host that stops gives a run of a tool back, which it has cut off.
    Released {
        /// Digest of the permit that the claim gave.
        permit: Digest,
        /// When.
        at_ms: u64,
    },
    /// Nobody has the tool any more that is to carry it out: another goes by its name.
    ToolChanged {
        /// The one that does.
        tool: BoundTool,
        /// The host that found it.
        by: Person,
        /// Digest of a permit that nobody has: an execution of which nobody knows has a holder.
        permit: Digest,
        /// When.
        at_ms: u64,
    },
    /// Nobody knows what became of what a running tool called, or of the call of an endpoint; or the
    /// endpoint is given up.
    Lost {
        /// Digest of the permit that the claim gave.
        permit: Digest,
        /// Why.
        error: String,
        /// When.
        at_ms: u64,
    },
    /// Whoever has the permit tells how it ended.
    Reported {
        /// Who.
        by: Person,
        /// Digest of the permit that the claim gave.
        permit: Digest,
        /// How it ended.
        report: Report,
        /// When.
        at_ms: u64,
    },
    /// Somebody calls it off.
    Cancelled {
        /// Who.
        by: Person,
        /// Why.
        reason: Option<String>,
        /// When.
        at_ms: u64,
    },
    /// An operator has an endpoint called again for an execution of which nobody knows.
    SentAgain {
        /// Who.
        by: Person,
        /// When.
        at_ms: u64,
    },
    /// An operator tells what became of an execution of which nobody knew, or whose endpoint is to be
    /// called again.
    Resolved {
        /// Who.
        by: Person,
        /// How it ended.
        report: Report,
        /// When.
        at_ms: u64,
    },
}

/// What policies say of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It may not go on.
    Denied(Denied),
    /// It may go on.
    Permitted,
    /// It may go on once people have met each of these.
    Asked(Vec<Asking>),
}

/// A requirement of a policy, and the id of the approval that it would open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// A UUID version 7 (RFC 9562).
    pub approval: String,
    /// Whose policy asks.
    pub binding: BindingName,
    /// What people must do.
    pub requirement: Requirement,
}

impl Asking {
    /// Puts the question to people.
    pub(super) fn opened(self, at_ms: u64) -> Approval {
        Approval::open(self.approval, self.binding, self.requirement, at_ms)
    }
}

/// The right to carry an action out, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Who has it.
    pub holder: Person,
    /// The action that they are about to carry out ([`super::action_digest`]).
    pub action: Digest,
    /// Digest of the secret that they will report with.
    pub permit: Digest,
    /// When they must have reported, in milliseconds since the Unix epoch.
    pub lease_until_ms: u64,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It was carried out, and gave this.
    Succeeded(Json),
    /// It was not carried out, or in vain.
    Failed(String),
}

impl Report {
    /// Whether a status says just that.
    pub fn is_said_by(&self, status: &Status) -> bool {
        match (self, status) {
            (Self::Succeeded(told), Status::Succeeded { result }) => told == result,
            (Self::Failed(told), Status::Failed { error }) => told == error,
            _ => false,
        }
    }
}

/// Why an event changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The execution's state does not let it happen.
    #[error("the execution is {status}: it cannot be {event}")]
    NotNow {
        /// The status's name.
        status: &'static str,
        /// What was wanted, as a participle.
        event: &'static str,
    },
    /// It was allowed, and nobody began in time.
    #[error("the permission to begin has run out")]
    TooLate,
    /// What is about to be carried out, or what policies now make of it, is not what was allowed.
    #[error("what was allowed is the action {allowed}, and what is to begin is {begins}")]
    ActionChanged {
        /// The digest that was decided, and approved.
        allowed: Digest,
        /// The digest of what is to begin.
        begins: Digest,
    },
    /// Policies must be asked again before it begins.
    #[error("policies must decide again before the action begins")]
    NotSettled,
    /// The permit is another claim's.
    #[error("the permit is not the one of this execution")]
    WrongPermit,
    /// A call of its endpoint may have arrived, so it may be too late to call it off.
    #[error("a call may have reached its endpoint: it cannot be cancelled")]
    MayHaveArrived,
    /// The execution has no such approval.
    #[error("the execution has no approval `{0}`")]
    NoSuchApproval(String),
    /// The execution has had as many approvals as it may.
    #[error("the execution may have no more approvals")]
    TooManyApprovals,
    /// The ballot does not count.
    #[error(transparent)]
    Vote(#[from] VoteRefused),
    /// Nothing has changed.
    #[error("nothing has changed")]
    Nothing,
}

impl Refused {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotNow { .. } => "not-now",
            Self::TooLate => "too-late",
            Self::ActionChanged { .. } => "action-changed",
            Self::NotSettled => "not-settled",
            Self::WrongPermit => "wrong-permit",
            Self::MayHaveArrived => "may-have-arrived",
            Self::NoSuchApproval(_) => "no-such-approval",
            Self::TooManyApprovals => "too-many-approvals",
            Self::Vote(refused) => refused.code(),
            Self::Nothing => "nothing",
        }
    }
}
