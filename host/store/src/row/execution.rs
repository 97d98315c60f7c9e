//! Executions: one row each, as it stands now.

use std::borrow::Cow;

use writ_core::{Execution, Tenant};

/// One execution as it is to be.
#[derive(Debug, PartialEq)]
pub(crate) struct ExecutionRow {
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) status: Cow<'static, str>,
    pub(crate) requester: String,
    pub(crate) version: u64,
    pub(crate) due_at_ms: Option<u64>,
    /// Canonical JSON of all of it.
    pub(crate) body: String,
}

impl From<&Execution> for ExecutionRow {
    fn from(execution: &Execution) -> Self {
        Self {
            tenant: execution.tenant.clone(),
            id: execution.id.clone(),
            status: execution.status.name().into(),
            requester: execution.requester.folded().to_owned(),
            version: execution.version,
            due_at_ms: execution.due_at_ms(),
            body: execution.canonical(),
        }
    }
}
