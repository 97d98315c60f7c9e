//! What is given before a case begins, as the service sees it.

use writ_core::approval::{ApprovalState, Vote};
use writ_core::ports::Namespace;
use writ_core::{Approval, Disposition, Person, Requirement, Stage, Tenant};

use super::Given;
use super::raw::{RawApproval, RawState, RawVote};
use crate::service::ephemeral::Ephemeral;

/// An approval that people were asked for before the case. Policies are told its state and votes;
/// what it asked for in words is not given.
pub(super) fn approval(index: usize, raw: &RawApproval) -> Result<Approval, String> {
    let at_ms = raw.at.0;
    let votes = raw.votes.iter().map(|vote| counted(vote, at_ms)).collect::<Result<Vec<_>, _>>()?;
    let stage = Stage {
        approvers: votes.iter().map(|vote| format!("user:{}", vote.approver)).collect(),
        quorum: 1,
        expires_after_seconds: EXPIRES_AFTER_SECONDS,
        on_expiry: Disposition::Deny,
    };
    let requirement = Requirement {
        title: "given".into(),
        reason: String::new(),
        stages: vec![stage],
        allow_self_approval: false,
        reason_required: false,
    };
    let id = format!("given-{}", index + 1);
    let mut approval = Approval::open(id, raw.binding.clone(), requirement, at_ms);
    approval.votes = votes;
    approval.state = match raw.state {
        RawState::Pending => approval.state,
        RawState::Approved => ApprovalState::Approved,
        RawState::Rejected => ApprovalState::Rejected,
        RawState::Expired => ApprovalState::Expired,
        RawState::Cancelled => ApprovalState::Cancelled,
    };
    Ok(approval)
}

/// How long people had, in seconds: a day, as where a policy does not say.
const EXPIRES_AFTER_SECONDS: u32 = 86_400;

fn counted(raw: &RawVote, at_ms: u64) -> Result<Vote, String> {
    let name = raw.approver.strip_prefix("user:").unwrap_or(&raw.approver);
    let approver: Person = name.parse().map_err(|error| format!("{error}"))?;
    Ok(Vote {
        approver,
        groups: Default::default(),
        stage: 0,
        choice: raw.decision,
        reason: raw.reason.clone(),
        at_ms,
    })
}

impl Given {
    /// Storage and history as they are before the first step.
    pub(super) fn memory(&self) -> Ephemeral {
        let memory = Ephemeral::default();
        for (binding, values) in &self.storage {
            let namespace = Namespace { tenant: Tenant::default(), binding: binding.clone() };
            for (key, value) in values {
                if let Some(bytes) = super::json::stored(value) {
                    memory.put(&namespace, key, bytes);
                }
            }
        }
        for (about, approval) in &self.approvals {
            memory.remember(about.clone(), approval.clone());
        }
        memory
    }
}
