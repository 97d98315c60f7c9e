//! Executions: one row each, as it stands now.

use std::borrow::Cow;

use writ_core::{Execution, Tenant};

use crate::error::StoreError;
use crate::sealing::{Opener, Sealed, Sealing};

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

impl ExecutionRow {
    /// As it is to be kept.
    pub(crate) fn seal(&mut self, sealing: &Sealing) {
        let Self { tenant, id, body, .. } = self;
        *body = sealing.seal(tenant, Sealed::Execution, (id, 0), std::mem::take(body));
    }

    /// The execution that a row's body holds.
    pub(crate) fn read(opener: Opener<'_>, id: &str, body: &str) -> Result<Execution, StoreError> {
        let body = opener.open(Sealed::Execution, (id, 0), body)?;
        serde_json::from_str(&body).map_err(|reason| StoreError::Damaged {
            what: "execution",
            id: id.to_owned(),
            reason: reason.to_string(),
        })
    }
}
