//! What a running tool was answered, and which tools are to be run.

use std::sync::Arc;

use writ_core::execution::{Status, Transition};
use writ_core::journal::Entry;
use writ_core::ports::Namespace;
use writ_core::{BoundTool, Execution, Ledger, Tenant};

use super::{ChangeError, PAGE_MAX};
use crate::error::{CommitError, StoreError};
use crate::port::on;
use crate::row::WorkerNote;
use crate::store::Store;

/// A run of an execution's tool: what it records counts only while it is the last one begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose.
    pub tenant: Tenant,
    /// The execution's id.
    pub execution: String,
    /// The fencing token of its claim.
    pub fence: u64,
}

/// What a run was answered was not kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another run has begun, or the execution has ended.
    #[error("the run has been superseded")]
    Superseded,
    /// What its storage rests on has changed, or the store cannot keep it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Run {
    /// Whether the run is the one that an execution waits for.
    pub(crate) fn check(&self, found: Option<&Execution>) -> Result<(), RecordError> {
        let is_its = |found: &Execution| {
            found.fence == self.fence && matches!(found.status, Status::Running { .. })
        };
        if found.is_some_and(is_its) { Ok(()) } else { Err(RecordError::Superseded) }
    }
}

impl Store {
    /// All that the runs of an execution's tool have recorded, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn journal(
        &self,
        tenant: &Tenant,
        execution: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        on!(self, backend => backend.journal(tenant, execution).await)
    }

    /// Appends entries to the journal and keeps what the run stored, together or not at all, if the
    /// run is still the execution's. Durable when this returns.
    ///
    /// # Errors
    /// Each of [`RecordError`]; then nothing is kept.
    pub async fn record(
        &self,
        run: &Run,
        entries: &[Entry],
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<(), RecordError> {
        on!(self, backend => backend.record(run, entries, ledgers).await)
    }

    /// As [`Store::change`], and appends entries to the execution's journal with it.
    ///
    /// # Errors
    /// Each of [`ChangeError`]; then nothing is kept.
    pub async fn change_recording<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        entries: &[Entry],
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        on!(self, backend => backend.change_recording(tenant, id, at_ms, entries, change).await)
    }

    /// Executions of all tenants whose tool is one of some and may run now, longest ago first, at most
    /// `limit` and [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn work(
        &self,
        now_ms: u64,
        tools: &[BoundTool],
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        on!(self, backend => backend.work(now_ms, tools, limit.min(PAGE_MAX)).await)
    }

    /// Executions of all tenants whose tool has the name of one of some and another digest, and that
    /// might have been run since `before_ms` (milliseconds since the Unix epoch) or longer; at most
    /// `limit` and [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn work_of_changed_tools(
        &self,
        before_ms: u64,
        tools: &[BoundTool],
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        on!(self, backend => backend.work_of_changed_tools(before_ms, tools, limit).await)
    }

    /// Lets an execution rest whose tool cannot be run now: no host finds it as work until `at_ms`
    /// (milliseconds since the Unix epoch), unless it changes before.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`].
    pub async fn rest(
        &self,
        tenant: &Tenant,
        execution: &str,
        at_ms: u64,
    ) -> Result<(), CommitError> {
        let (tenant, execution) = (tenant.clone(), execution.to_owned());
        on!(self, backend => backend.note(WorkerNote::Rest { tenant, execution, at_ms }).await)
    }
}
