//! Events and executions as they are kept, whatever somebody may have made of them.

use writ_core::{ChainedEvent, Tenant};

use super::ExecutionRow;

/// An event's row.
#[derive(Debug)]
pub(crate) struct KeptEvent {
    pub(crate) sequence: u64,
    pub(crate) body: String,
    /// None where the row holds no event.
    pub(crate) event: Option<ChainedEvent>,
    pub(crate) tenant: Tenant,
    pub(crate) execution: String,
    pub(crate) at_ms: u64,
}

/// An execution's row, and the last event that tells of it.
#[derive(Debug)]
pub(crate) struct KeptExecution {
    pub(crate) row: ExecutionRow,
    pub(crate) told: Option<ChainedEvent>,
}

impl KeptEvent {
    /// Whether everything in the row but its place is what the event gives.
    pub(crate) fn is_written_as(&self, event: &ChainedEvent) -> bool {
        let ChainedEvent { tenant, execution, at_ms, .. } = event;
        event.canonical() == self.body
            && (tenant, execution, at_ms) == (&self.tenant, &self.execution, &self.at_ms)
    }
}
