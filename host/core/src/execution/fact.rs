//! What a transition tells: the evidence that is kept, and what others are told.
//!
//! A fact names things and people. It never holds arguments, results or reasons, which may be
//! nobody else's business; but for what somebody says of a change of the policy set, which is meant
//! for everybody.

use serde::{Deserialize, Serialize};

use crate::approval::Choice;
use crate::digest::Digest;
use crate::execution::status::Awaited;
use crate::person::Person;
use crate::rollout::Rollout;
use crate::strand::StrandPlace;

/// One thing that has happened to an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Fact {
    /// Someone asked for it.
    #[serde(rename = "execution.received")]
    Received {
        /// Who.
        by: Person,
        /// Names the action.
        digest: Digest,
        /// The execution that it is a retry of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_of: Option<String>,
    },
    /// Policies have decided, for the first time or again before it begins.
    #[serde(rename = "execution.decided")]
    Decided {
        /// The decision's id.
        decision: String,
    },
    /// Policies said no.
    #[serde(rename = "execution.denied")]
    Denied {
        /// The denial's code.
        code: String,
    },
    /// People are asked.
    #[serde(rename = "execution.awaiting-approval")]
    AwaitingApproval,
    /// It may begin.
    #[serde(rename = "execution.allowed")]
    Allowed {
        /// Names the action, as policies amended it.
        digest: Digest,
    },
    /// Somebody began.
    #[serde(rename = "execution.claimed")]
    Claimed {
        /// Who.
        by: Person,
        /// The fencing token.
        fence: u64,
        /// When they must have reported, in milliseconds since the Unix epoch.
        lease_until_ms: u64,
    },
    /// A host goes on with its tool.
    #[serde(rename = "execution.resumed")]
    Resumed {
        /// Who.
        by: Person,
        /// The fencing token.
        fence: u64,
        /// When they must have reported, in milliseconds since the Unix epoch.
        lease_until_ms: u64,
    },
    /// The host that ran its tool has stopped, and any other may go on.
    #[serde(rename = "execution.released")]
    Released {
        /// The claim that is given back.
        fence: u64,
    },
    /// Its tool waits, and was dropped meanwhile.
    #[serde(rename = "execution.suspended")]
    Suspended {
        /// What it waits for.
        awaits: Awaited,
    },
    /// What its tool called, and waited for, has ended.
    #[serde(rename = "execution.call-ended")]
    CallEnded {
        /// The id of the execution that was called.
        call: String,
    },
    /// An operator has its endpoint called again.
    #[serde(rename = "execution.sent-again")]
    SentAgain {
        /// Who.
        by: Person,
    },
    /// An approver said no.
    #[serde(rename = "execution.rejected")]
    Rejected,
    /// Nobody answered, or nobody began, in time.
    #[serde(rename = "execution.expired")]
    Expired,
    /// Somebody called it off.
    #[serde(rename = "execution.cancelled")]
    Cancelled {
        /// Who.
        by: Person,
    },
    /// It was carried out.
    #[serde(rename = "execution.succeeded")]
    Succeeded {
        /// Who says so.
        by: Person,
    },
    /// It was not carried out, or in vain.
    #[serde(rename = "execution.failed")]
    Failed {
        /// Who says so.
        by: Person,
    },
    /// It began, and nobody told in time how it ended.
    #[serde(rename = "execution.unknown")]
    Unknown {
        /// The claim that was not answered for.
        fence: u64,
    },
    /// It came to nothing, and is done once more by another execution.
    #[serde(rename = "execution.retried")]
    Retried {
        /// Who wants that.
        by: Person,
        /// The other execution's id.
        retry: String,
    },
    /// A stage of an approval is asked.
    #[serde(rename = "approval.asked")]
    Asked {
        /// The approval's id.
        approval: String,
        /// Which stage, from 0.
        stage: usize,
        /// When it ends, in milliseconds since the Unix epoch.
        expires_at_ms: u64,
    },
    /// Somebody's vote counted.
    #[serde(rename = "approval.voted")]
    Voted {
        /// The approval's id.
        approval: String,
        /// Who.
        by: Person,
        /// What they said.
        choice: Choice,
    },
    /// An approval has ended.
    #[serde(rename = "approval.ended")]
    Ended {
        /// The approval's id.
        approval: String,
        /// The state's name.
        state: String,
    },
    /// What was older than it is kept for was removed. It happened to no execution, but to the chain.
    #[serde(rename = "retention.swept")]
    Swept {
        /// What had come to its end before this is removed, in milliseconds since the Unix epoch.
        until_ms: u64,
        /// After which place events were removed: where an earlier removal had led to.
        after: u64,
        /// The place up to which they were removed; the same as `after` where none was.
        to: u64,
        /// The hash of the event in that place.
        hash: Digest,
        /// How many executions were removed, with their journals and callers' keys.
        executions: u64,
        /// How many approvals of theirs.
        approvals: u64,
        /// How many events.
        events: u64,
        /// How many decisions, those of executions included.
        decisions: u64,
        /// How many dead letters.
        dead_letters: u64,
        /// Where each strand of decisions begins of which the start was removed, now or earlier.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        strands: Vec<StrandPlace>,
    },
    /// So far strands of decisions have come. It happened to no execution, but to what decided.
    #[serde(rename = "decisions.anchored")]
    DecisionsAnchored {
        /// Those that have grown since they were last told of.
        strands: Vec<StrandPlace>,
    },
    /// Somebody has made a version of the policy set, which does not decide by that. It happened to no
    /// execution, but to the tenant.
    #[serde(rename = "policy-set.added")]
    SetAdded {
        /// Digest of the set.
        policy_set: Digest,
        /// The version.
        version: u64,
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        /// Why, as they say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// Another policy set decides from now on. It happened to no execution, but to the tenant.
    #[serde(rename = "policy-set.activated")]
    SetActivated {
        /// Digest of the set.
        policy_set: Digest,
        /// Digest of the set before it.
        was: Digest,
        /// The set's version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
        /// What led to it: `start`, `file`, `signal`, `request` or `follow`.
        trigger: String,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        /// Why, as they say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// A policy set was refused, which was to decide or to be kept: what decides stays as it is. It happened
    /// to no execution, but to the tenant.
    #[serde(rename = "policy-set.refused")]
    SetRefused {
        /// Digest of the set that goes on deciding.
        active: Digest,
        /// Digest of the one that was refused; none where there is no set yet to have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy_set: Option<Digest>,
        /// What led to it: `start`, `file`, `signal`, `request` or `follow`.
        trigger: String,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        /// What it did not get through: `configuration`, `loading`, `cases`, `recording`,
        /// `choosing` or `applying`.
        phase: String,
        /// Where: a file, with line and column where that is known.
        place: String,
        /// What is wrong there, or the beginning of it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// A version is rolled out beside the set that decides. It happened to no execution, but to the
    /// tenant.
    #[serde(rename = "policy-rollout.started")]
    RolloutStarted {
        /// The version.
        version: u64,
        /// Digest of its set.
        policy_set: Digest,
        /// `shadow` or `canary`.
        how: String,
        /// For which part of all requests, such as `5%`.
        share: String,
        /// All that was wanted: the single binding, the header, the guard.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Box<Rollout>>,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        /// Why, as they say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// A version is rolled out no more. It happened to no execution, but to the tenant.
    #[serde(rename = "policy-rollout.ended")]
    RolloutEnded {
        /// The version.
        version: u64,
        /// Digest of its set.
        policy_set: Digest,
        /// `shadow` or `canary`.
        how: String,
        /// `stopped`, `promoted`, `replaced` or `overtaken`, or what was exceeded: `max-fault-rate`,
        /// `max-deny-rate-increase` or `max-latency`.
        because: String,
        /// What was seen, in numbers, where something was exceeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// Who asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
        /// Why, as they say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        comment: String,
    },
    /// Somebody has brought a component that was not here before. It happened to no execution, but to
    /// the tenant.
    #[serde(rename = "policy.added")]
    PolicyAdded {
        /// SHA-256 of its bytes.
        component: Digest,
        /// Who.
        by: Person,
        /// The OCI reference by which it came; none where its bytes were sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
    },
    /// A channel that nobody tells any more was given up, with what it had still to tell. It happened
    /// to no execution, but to the tenant.
    #[serde(rename = "channel.forgotten")]
    ChannelForgotten {
        /// Its name.
        channel: String,
        /// The place of the first event that it had not told.
        next: u64,
        /// Who said so.
        by: Person,
    },
}

impl Fact {
    /// Every kind, in the order above.
    pub const KINDS: &'static [&'static str] = &[
        "execution.received",
        "execution.decided",
        "execution.denied",
        "execution.awaiting-approval",
        "execution.allowed",
        "execution.claimed",
        "execution.resumed",
        "execution.released",
        "execution.suspended",
        "execution.call-ended",
        "execution.sent-again",
        "execution.rejected",
        "execution.expired",
        "execution.cancelled",
        "execution.succeeded",
        "execution.failed",
        "execution.unknown",
        "execution.retried",
        "approval.asked",
        "approval.voted",
        "approval.ended",
        "retention.swept",
        "decisions.anchored",
        "policy-set.added",
        "policy-set.activated",
        "policy-set.refused",
        "policy-rollout.started",
        "policy-rollout.ended",
        "policy.added",
        "channel.forgotten",
    ];

    /// Its kind, as records and answers name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Received { .. } => "execution.received",
            Self::Decided { .. } => "execution.decided",
            Self::Denied { .. } => "execution.denied",
            Self::AwaitingApproval => "execution.awaiting-approval",
            Self::Allowed { .. } => "execution.allowed",
            Self::Claimed { .. } => "execution.claimed",
            Self::Resumed { .. } => "execution.resumed",
            Self::Released { .. } => "execution.released",
            Self::Suspended { .. } => "execution.suspended",
            Self::CallEnded { .. } => "execution.call-ended",
            Self::SentAgain { .. } => "execution.sent-again",
            Self::Rejected => "execution.rejected",
            Self::Expired => "execution.expired",
            Self::Cancelled { .. } => "execution.cancelled",
            Self::Succeeded { .. } => "execution.succeeded",
            Self::Failed { .. } => "execution.failed",
            Self::Unknown { .. } => "execution.unknown",
            Self::Retried { .. } => "execution.retried",
            Self::Asked { .. } => "approval.asked",
            Self::Voted { .. } => "approval.voted",
            Self::Ended { .. } => "approval.ended",
            Self::Swept { .. } => "retention.swept",
            Self::DecisionsAnchored { .. } => "decisions.anchored",
            Self::SetAdded { .. } => "policy-set.added",
            Self::SetActivated { .. } => "policy-set.activated",
            Self::SetRefused { .. } => "policy-set.refused",
            Self::RolloutStarted { .. } => "policy-rollout.started",
            Self::RolloutEnded { .. } => "policy-rollout.ended",
            Self::PolicyAdded { .. } => "policy.added",
            Self::ChannelForgotten { .. } => "channel.forgotten",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_what_is_written() {
        for kind in Fact::KINDS {
            let text = serde_json::json!({
                "kind": kind, "by": "ann", "digest": crate::Digest::of(""), "decision": "d",
                "code": "c", "fence": 1, "lease_until_ms": 1, "approval": "a", "stage": 0,
                "expires_at_ms": 1, "choice": "approve", "state": "approved", "call": "e",
                "awaits": { "kind": "approval", "id": "a" },
                "until_ms": 1, "after": 1, "to": 1, "hash": crate::Digest::of(""),
                "policy_set": crate::Digest::of(""), "was": crate::Digest::of(""),
                "active": crate::Digest::of(""), "trigger": "file", "phase": "cases", "place": "f",
                "retry": "e2", "executions": 1, "approvals": 1, "events": 1, "decisions": 1, "dead_letters": 1,
                "strands": [], "channel": "c", "next": 1, "component": crate::Digest::of(""),
                "version": 1, "how": "canary", "share": "5%", "because": "stopped",
            });
            let fact: Fact = serde_json::from_value(text).unwrap();
            assert_eq!(fact.kind(), *kind);
            assert_eq!(serde_json::to_value(&fact).unwrap()["kind"], *kind);
        }
    }
}
