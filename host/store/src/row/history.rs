//! What approvals were about: only what finds them; an approval itself is in its execution's row.

use writ_core::ports::About;
use writ_core::{Approval, Execution};

/// One approval, and what it is about.
#[derive(Debug)]
pub(crate) struct HistoryRow {
    pub(crate) about: About,
    pub(crate) opened_at_ms: u64,
    pub(crate) approval: String,
    pub(crate) execution: String,
}

impl HistoryRow {
    /// The approvals that were not there before.
    pub(crate) fn of_new(before: Option<&Execution>, next: &Execution) -> Vec<Self> {
        let was_there = |id: &str| before.is_some_and(|before| before.approval(id).is_some());
        let row = |approval: &Approval| Self {
            about: About::of(&next.tenant, &next.request),
            opened_at_ms: approval.opened_at_ms,
            approval: approval.id.clone(),
            execution: next.id.clone(),
        };
        next.approvals.iter().filter(|approval| !was_there(&approval.id)).map(row).collect()
    }
}
