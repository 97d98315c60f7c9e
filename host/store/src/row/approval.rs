//! Approvals and whom they ask: only what finds them; an approval itself is in its execution's row.

use writ_core::approval::Vote;
use writ_core::{Approval, Execution, Tenant, person};

/// One approval as it is to be found.
#[derive(Debug)]
pub(crate) struct ApprovalRow {
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) execution: String,
    pub(crate) state: &'static str,
    pub(crate) opened_at_ms: u64,
}

/// One approver whom a pending approval asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskedRow {
    pub(crate) tenant: Tenant,
    pub(crate) approver: String,
    pub(crate) approval: String,
}

/// Somebody who has answered an approval.
#[derive(Debug)]
pub(crate) struct AnsweredRow {
    pub(crate) tenant: Tenant,
    /// Folded.
    pub(crate) approver: String,
    pub(crate) approval: String,
    pub(crate) execution: String,
}

impl ApprovalRow {
    /// The approvals that are new or in another state than before.
    pub(crate) fn of_changed(before: Option<&Execution>, next: &Execution) -> Vec<Self> {
        let state_before = |id: &str| Some(before?.approval(id)?.state.name());
        let changed =
            |approval: &&Approval| state_before(&approval.id) != Some(approval.state.name());
        let row = |approval: &Approval| Self {
            tenant: next.tenant.clone(),
            id: approval.id.clone(),
            execution: next.id.clone(),
            state: approval.state.name(),
            opened_at_ms: approval.opened_at_ms,
        };
        next.approvals.iter().filter(changed).map(row).collect()
    }
}

impl AskedRow {
    /// Everybody whom an approval asks now.
    pub(crate) fn of(tenant: &Tenant, approval: &Approval) -> Vec<Self> {
        let row = |approver: &String| {
            let (kind, name) = approver.split_once(':')?;
            let (tenant, approval) = (tenant.clone(), approval.id.clone());
            Some(Self { tenant, approver: approver_key(kind, &person::fold(name)), approval })
        };
        approval.asked().iter().filter_map(row).collect()
    }
}

impl AnsweredRow {
    /// Everybody who has answered since.
    pub(crate) fn of_new(before: Option<&Execution>, next: &Execution) -> Vec<Self> {
        let known = |id: &str| Some(before?.approval(id)?.votes.len());
        let of_approval = |approval: &Approval| {
            let votes = approval.votes.iter().skip(known(&approval.id).unwrap_or(0));
            let row = |vote: &Vote| Self {
                tenant: next.tenant.clone(),
                approver: vote.approver.folded().to_owned(),
                approval: approval.id.clone(),
                execution: next.id.clone(),
            };
            votes.map(row).collect::<Vec<_>>()
        };
        next.approvals.iter().flat_map(of_approval).collect()
    }
}

/// How somebody who is asked is kept.
pub(crate) fn approver_key(kind: &str, folded: &str) -> String {
    format!("{kind}:{folded}")
}
