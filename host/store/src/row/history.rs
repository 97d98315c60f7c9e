//! What approvals were about: only what finds them; an approval itself is in its execution's row.

use serde::Deserialize;
use writ_core::ports::About;
use writ_core::{Approval, Execution};

use crate::error::Failure;
use crate::sealing::{Opener, Sealed};

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

/// Every approval in an execution's body.
pub(crate) fn approvals_in(
    opener: Opener<'_>,
    id: &str,
    body: &str,
) -> Result<Vec<Approval>, Failure> {
    #[derive(Deserialize)]
    struct Body {
        approvals: Vec<Approval>,
    }
    let damaged = |error| Failure::damaged(format!("execution `{id}` does not read back: {error}"));
    let body = opener.open(Sealed::Execution, (id, 0), body)?;
    let body: Body = serde_json::from_str(&body).map_err(damaged)?;
    Ok(body.approvals)
}
