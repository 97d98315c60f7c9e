//! What running tools were answered, kept with what they store and with what becomes of them.

use std::sync::Arc;

use writ_core::execution::Transition;
use writ_core::journal::Entry;
use writ_core::ports::Namespace;
use writ_core::{BoundTool, Execution, Ledger, Tenant};

use crate::claim::Claim;
use crate::commit::Accepted;
use crate::error::{CommitError, Failure, StoreError};
use crate::execution::{ChangeError, DueErrand, RecordError, Run};
use crate::row::{JournalRow, WorkerNote};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::sqlite::commit::Draft;
use crate::sqlite::{errands, executions, journal, work};
use crate::step::Step;

impl Sqlite {
    pub(crate) async fn journal(
        &self,
        tenant: &Tenant,
        execution: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        journal::all(&self.inner.shared.readers, self.opener(tenant), execution).await
    }

    pub(crate) async fn record(
        &self,
        run: &Run,
        entries: &[Entry],
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<(), RecordError> {
        // Held until the writer has answered, so that no other run begins in between.
        let held = self.inner.hold(&run.tenant, &run.execution).await;
        let readers = &self.inner.shared.readers;
        let found = executions::one(readers, self.opener(&run.tenant), &run.execution).await?;
        run.check(found.as_ref())?;
        let draft = Draft {
            claims: Claim::of_each(ledgers),
            journal: JournalRow::of_each(&run.tenant, &run.execution, entries),
            held: vec![held],
            ..Draft::default()
        };
        Ok(Accepted(self.inner.queue(draft).await?).durable().await?)
    }

    pub(crate) async fn change_recording<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        entries: &[Entry],
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        let held = self.inner.hold(tenant, id).await;
        let found = executions::one(&self.inner.shared.readers, self.opener(tenant), id).await?;
        let before = found.ok_or(ChangeError::NotFound)?;
        let transition = change(&before).map_err(ChangeError::Refused)?;
        let draft = Draft {
            step: Some(Box::new(Step::changed(&before, &transition, at_ms))),
            journal: JournalRow::of_each(tenant, id, entries),
            held: vec![held],
            ..Draft::default()
        };
        Accepted(self.inner.queue(draft).await?).durable().await?;
        Ok(transition.next)
    }

    pub(crate) async fn errands(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<DueErrand>, StoreError> {
        errands::due(&self.inner.shared.readers, now_ms, limit).await
    }

    pub(crate) async fn note(&self, note: WorkerNote) -> Result<(), CommitError> {
        let job = Job { note: Some(Box::new(note)), ..Job::default() };
        Ok(self.inner.write(job).await?)
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
        let readers = &self.inner.shared.readers;
        Ok(work::of_tools(readers, sql, tools, at_ms, limit).await.map_err(Failure::from)?)
    }
}
