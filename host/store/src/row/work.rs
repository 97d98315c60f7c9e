//! Executions whose tool a host may run.

use writ_core::{BoundTool, Execution, Tenant};

/// What is to be known of one execution; without work, nothing.
#[derive(Debug)]
pub(crate) struct WorkRow {
    pub(crate) tenant: Tenant,
    pub(crate) execution: String,
    pub(crate) work: Option<Work>,
}

/// What is to be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) tool: BoundTool,
    /// From when on, in milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    /// When that was found out, likewise.
    pub(crate) since_ms: u64,
}

impl WorkRow {
    /// None where nothing changes.
    pub(crate) fn of_changed(
        before: Option<&Execution>,
        next: &Execution,
        now_ms: u64,
    ) -> Option<Self> {
        let (was, is) = (before.and_then(Execution::work_at_ms), next.work_at_ms());
        let work =
            is.zip(next.tool.clone()).map(|(at_ms, tool)| Work { tool, at_ms, since_ms: now_ms });
        let row = |work| Self { tenant: next.tenant.clone(), execution: next.id.clone(), work };
        (was != is).then(|| row(work))
    }
}
