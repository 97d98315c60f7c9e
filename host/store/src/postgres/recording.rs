//! What running tools were answered, kept with what they store and with what becomes of them.

use std::sync::Arc;

use sqlx::Transaction;
use sqlx::postgres::Postgres as Database;
use writ_core::execution::Transition;
use writ_core::journal::Entry;
use writ_core::ports::Namespace;
use writ_core::{BoundTool, Execution, Ledger, Tenant};

use super::backend::Postgres;
use super::commit::Draft;
use super::scope::{Access, Scope};
use super::{errands, executions, journal, work};
use crate::error::{CommitError, Failure, StoreError};
use crate::execution::{ChangeError, DueErrand, RecordError, Run};
use crate::row::{JournalRow, WorkerNote};
use crate::step::Step;

impl Postgres {
    pub(crate) async fn journal(
        &self,
        tenant: &Tenant,
        execution: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut view = self.inner.link.read(tenant).await.map_err(StoreError::from)?;
        journal::all(&mut view, self.opener(tenant), execution).await
    }

    pub(crate) async fn record(
        &self,
        run: &Run,
        entries: &[Entry],
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<(), RecordError> {
        let mut transaction = self.writing(&run.tenant).await?;
        // Held until the transaction ends, so that no other run begins in between.
        let found =
            executions::hold(&mut transaction, self.opener(&run.tenant), &run.execution).await?;
        run.check(found.as_ref())?;
        let entries = JournalRow::of_each(&run.tenant, &run.execution, entries);
        Ok(self.finish(transaction, Draft::of_run(entries, ledgers)).await?)
    }

    pub(crate) async fn change_recording<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        entries: &[Entry],
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        let mut transaction = self.writing(tenant).await?;
        let found = executions::hold(&mut transaction, self.opener(tenant), id).await?;
        let before = found.ok_or(ChangeError::NotFound)?;
        let transition = change(&before).map_err(ChangeError::Refused)?;
        let draft = Draft::of_step(Step::changed(&before, &transition, at_ms), None);
        let draft = draft.recording(JournalRow::of_each(tenant, id, entries));
        self.finish(transaction, draft).await?;
        Ok(transition.next)
    }

    pub(crate) async fn errands(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<DueErrand>, StoreError> {
        let begun = self.inner.link.begin(Scope::AllTenants, Access::Read).await;
        let mut view = begun.map_err(|error| self.inner.link.failed(error))?;
        errands::due(&mut view, now_ms, limit).await
    }

    pub(crate) async fn note(&self, note: WorkerNote) -> Result<(), CommitError> {
        self.inner.commit(note.tenant().clone(), Draft::of_note(note)).await
    }

    pub(crate) async fn work(
        &self,
        now_ms: u64,
        tools: &[BoundTool],
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        self.work_of(work::DUE, tools, now_ms, limit).await
    }

    pub(crate) async fn work_of_changed_tools(
        &self,
        before_ms: u64,
        tools: &[BoundTool],
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        self.work_of(work::CHANGED, tools, before_ms, limit).await
    }

    async fn work_of(
        &self,
        sql: &'static str,
        tools: &[BoundTool],
        at_ms: u64,
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        let begun = self.inner.link.begin(Scope::AllTenants, Access::Read).await;
        let mut view = begun.map_err(|error| self.inner.link.failed(error))?;
        let found = work::of_tools(&mut view, sql, tools, at_ms, limit).await;
        Ok(found.map_err(|error| self.inner.link.failed(error))?)
    }

    /// A transaction that writes.
    pub(super) async fn writing(
        &self,
        tenant: &Tenant,
    ) -> Result<Transaction<'static, Database>, CommitError> {
        let begun = self.inner.link.begin(Scope::Tenant(tenant), Access::Write).await;
        begun.map_err(|error| self.inner.link.failed(error).into())
    }

    /// Who stops waiting does not take back what has begun to be written.
    pub(super) async fn finish(
        &self,
        transaction: Transaction<'static, Database>,
        draft: Draft,
    ) -> Result<(), CommitError> {
        let inner = self.inner.clone();
        let finishing = tokio::spawn(async move { inner.finish(transaction, draft).await });
        finishing.await.unwrap_or_else(|_| Err(Failure::closed().into()))
    }
}
