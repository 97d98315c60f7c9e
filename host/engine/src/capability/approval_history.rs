//! `approval-history`: what people were asked before about the same, and what they said.
//!
//! The contract has no error for it, so a store that does not answer ends the evaluation.

use std::sync::Arc;

use writ_core::FaultCode;
use writ_core::approval::{self, Choice};
use writ_core::ports::{APPROVALS_RECENT_MAX, About, ApprovalReader, Window};

use crate::bindings::writ::host::approval_history::{self, Approval};
use crate::bindings::writ::host::types::{ApprovalState, Vote};
use crate::fault::HostFault;
use crate::image::Call;
use crate::state::State;

/// What the contract's `approval` takes in a guest's memory, without what it points to, in bytes.
const APPROVAL_BYTES: usize = 20;
/// The same of `vote`.
const VOTE_BYTES: usize = 32;
/// How the contract writes that an approver is a person.
const USER: &str = "user:";

/// Whom one evaluation asks about earlier approvals, and about what.
pub(crate) struct ApprovalHistory {
    reader: Arc<dyn ApprovalReader>,
    about: About,
    now_ms: u64,
}

impl ApprovalHistory {
    pub(crate) fn new(call: &Call<'_>) -> Self {
        Self {
            reader: call.approvals.clone(),
            about: About::of(&call.execution.tenant, call.request),
            now_ms: call.execution.received_at_ms,
        }
    }

    async fn recent(&self, within_seconds: u32) -> Result<Vec<approval::Approval>, HostFault> {
        let since_ms = self.now_ms.saturating_sub(u64::from(within_seconds) * 1_000);
        let window = Window { since_ms, limit: APPROVALS_RECENT_MAX };
        self.reader.recent(&self.about, window).await.map_err(|error| {
            tracing::error!(%error, "approvals cannot be read for a policy");
            HostFault::new(FaultCode::StorageUnavailable, "the store did not answer the policy")
        })
    }
}

impl approval_history::Host for State {
    async fn recent(&mut self, within_seconds: u32) -> wasmtime::Result<Vec<Approval>> {
        self.guard.meter.call(0)?;
        let history = self.approvals.as_ref().expect("only who imports it can call it");
        let approvals = history.recent(within_seconds).await?;
        self.guard.meter.answer(approvals.iter().map(bytes).sum())?;
        Ok(approvals.into_iter().map(told).collect())
    }
}

/// How many bytes of a guest's memory an approval takes.
pub(crate) fn bytes(approval: &approval::Approval) -> usize {
    let vote = |vote: &approval::Vote| {
        let reason = vote.reason.as_ref().map_or(0, String::len);
        VOTE_BYTES + USER.len() + vote.approver.as_str().len() + reason
    };
    APPROVAL_BYTES + approval.id.len() + approval.votes.iter().map(vote).sum::<usize>()
}

pub(super) fn told(approval: approval::Approval) -> Approval {
    let votes = approval.votes.into_iter().map(|vote| Vote {
        approver: format!("{USER}{}", vote.approver),
        approved: vote.choice == Choice::Approve,
        reason: vote.reason,
        at: vote.at_ms,
    });
    Approval { id: approval.id, state: state(approval.state), votes: votes.collect() }
}

fn state(state: approval::ApprovalState) -> ApprovalState {
    use approval::ApprovalState as Core;
    match state {
        Core::Pending { .. } => ApprovalState::Pending,
        Core::Approved => ApprovalState::Approved,
        Core::Rejected => ApprovalState::Rejected,
        Core::Expired => ApprovalState::Expired,
        Core::Cancelled => ApprovalState::Cancelled,
    }
}
