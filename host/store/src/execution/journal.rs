//! What a running tool was answered, and which tools are to be run.

use std::sync::Arc;

use writ_core::execution::{Status, Transition};
use writ_core::journal::Entry;
use writ_core::ports::Namespace;
use writ_core::{Execution, Ledger, Tenant};

use super::{ChangeError, PAGE_MAX};
use crate::claim::Claim;
use crate::commit::{Accepted, Draft};
use crate::error::{CommitError, Failure, StoreError};
use crate::sqlite::journal::JournalRow;
use crate::sqlite::{executions, journal, work};
use crate::step::Step;
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
        journal::all(&self.inner.shared.readers, tenant, execution).await
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
        // Held until the writer has answered, so that no other run begins in between.
        let held = self.inner.hold(&run.tenant, &run.execution).await;
        let readers = &self.inner.shared.readers;
        let found = executions::one(readers, &run.tenant, &run.execution).await?;
        let is_its = |found: &Execution| {
            found.fence == run.fence && matches!(found.status, Status::Running { .. })
        };
        if !found.as_ref().is_some_and(is_its) {
            return Err(RecordError::Superseded);
        }
        let claims = ledgers.into_iter().filter_map(|(name, ledger)| Claim::new(name, &ledger));
        let row = |entry| JournalRow::new(&run.tenant, &run.execution, entry);
        let draft = Draft {
            claims: claims.collect(),
            journal: entries.iter().map(row).collect(),
            held: vec![held],
            ..Draft::default()
        };
        Ok(Accepted(self.inner.queue(draft).await?).durable().await?)
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
        let held = self.inner.hold(tenant, id).await;
        let found = executions::one(&self.inner.shared.readers, tenant, id).await?;
        let before = found.ok_or(ChangeError::NotFound)?;
        let transition = change(&before).map_err(ChangeError::Refused)?;
        let draft = Draft {
            step: Some(Box::new(Step::changed(&before, &transition, at_ms))),
            journal: entries.iter().map(|entry| JournalRow::new(tenant, id, entry)).collect(),
            held: vec![held],
            ..Draft::default()
        };
        Accepted(self.inner.queue(draft).await?).durable().await?;
        Ok(transition.next)
    }

    /// Executions of all tenants whose tool may run now, longest ago first, at most `limit` and
    /// [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn work(&self, now_ms: u64, limit: u32) -> Result<Vec<(Tenant, String)>, StoreError> {
        let due = work::due(&self.inner.shared.readers, now_ms, limit.min(PAGE_MAX)).await;
        Ok(due.map_err(Failure::from)?)
    }
}
