//! Executions whose tool a host may run.

use writ_core::{Execution, Tenant};

/// What is to be known of one execution; without a time, nothing.
#[derive(Debug)]
pub(crate) struct WorkRow {
    pub(crate) tenant: Tenant,
    pub(crate) execution: String,
    /// From when on, in milliseconds since the Unix epoch.
    pub(crate) at_ms: Option<u64>,
}

impl WorkRow {
    /// None where nothing changes.
    pub(crate) fn of_changed(before: Option<&Execution>, next: &Execution) -> Option<Self> {
        let (was, is) = (before.and_then(Execution::work_at_ms), next.work_at_ms());
        let row = |at_ms| Self { tenant: next.tenant.clone(), execution: next.id.clone(), at_ms };
        (was != is).then(|| row(is))
    }
}
