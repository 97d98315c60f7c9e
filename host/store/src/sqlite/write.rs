//! All that a batch writes, within the transaction that somebody else began and will end.

use sqlx::sqlite::SqliteConnection;
use writ_core::ChainedEvent;

use crate::row::BatchRow;
use crate::sqlite::batch::{Batch, Job, newest};
use crate::sqlite::{
    approvals, batches, channels, errands, events, executions, health, history, idempotency,
    journal, keys, letters, reseal, storage, work,
};
use crate::step::{Step, Versions};

/// Every statement that writes.
#[derive(Debug)]
pub(crate) struct Statements {
    decisions: batches::Insert,
    storage: storage::Apply,
    executions: executions::Apply,
    approvals: approvals::Apply,
    history: history::Insert,
    events: events::Insert,
    idempotency: idempotency::Insert,
    journal: journal::Insert,
    work: work::Apply,
    errands: errands::Insert,
}

impl Statements {
    pub(crate) fn new() -> Self {
        Self {
            decisions: batches::Insert::new(),
            storage: storage::Apply::new(),
            executions: executions::Apply::new(),
            approvals: approvals::Apply::new(),
            history: history::Insert::new(),
            events: events::Insert::new(),
            idempotency: idempotency::Insert::new(),
            journal: journal::Insert::new(),
            work: work::Apply::new(),
            errands: errands::Insert::new(),
        }
    }

    /// At which version the executions are that jobs change. Costs nothing where none does.
    pub(crate) async fn versions(
        &mut self,
        connection: &mut SqliteConnection,
        jobs: &[Job],
    ) -> Result<Versions, sqlx::Error> {
        let steps = jobs.iter().filter_map(|job| job.step.as_ref());
        let names = steps.flat_map(|step| {
            let beside = step.beside.as_ref().map(|(id, _)| id);
            let ids = [&step.execution.id].into_iter().chain(beside);
            ids.map(|id| (step.execution.tenant.clone(), id.clone()))
        });
        self.executions.versions(connection, names.collect()).await
    }

    /// Writes decisions: by one statement, where there are no more than [`crate::sqlite::rows::ROWS_MAX`].
    pub(crate) async fn write_decisions(
        &mut self,
        connection: &mut SqliteConnection,
        decisions: Vec<BatchRow>,
    ) -> Result<(), sqlx::Error> {
        self.decisions.execute(connection, decisions).await
    }

    /// Writes events.
    pub(crate) async fn write_events(
        &mut self,
        connection: &mut SqliteConnection,
        events: Vec<ChainedEvent>,
    ) -> Result<(), sqlx::Error> {
        self.events.execute(connection, events).await
    }

    /// Writes a batch but for its decisions, and the events that its steps tell.
    pub(crate) async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        batch: Batch,
        events: Vec<ChainedEvent>,
    ) -> Result<(), sqlx::Error> {
        // First: what a step writes after it is to stay.
        reseal::keep(connection, batch.resealed).await?;
        self.storage.execute(connection, newest(batch.writes)).await?;
        if !batch.steps.is_empty() {
            self.write_steps(connection, batch.steps).await?;
        }
        self.events.execute(connection, events).await?;
        self.journal.execute(connection, batch.journal).await?;
        keys::apply(connection, batch.keys).await?;
        channels::apply(connection, batch.channels).await?;
        for note in batch.notes {
            errands::note(connection, note).await?;
        }
        if batch.is_probe {
            health::probe(connection).await?;
        }
        Ok(())
    }

    async fn write_steps(
        &mut self,
        connection: &mut SqliteConnection,
        steps: Vec<Step>,
    ) -> Result<(), sqlx::Error> {
        let mut executions = Vec::with_capacity(steps.len());
        let (mut approvals, mut answered) = (Vec::new(), Vec::new());
        let (mut asked, mut unasked) = (Vec::new(), Vec::new());
        let (mut history, mut keys) = (Vec::new(), Vec::new());
        let (mut work, mut dead, mut errands) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            executions.push(step.execution);
            approvals.extend(step.approvals);
            history.extend(step.history);
            asked.extend(step.asked);
            unasked.extend(step.unasked);
            answered.extend(step.answered);
            keys.extend(step.idempotency);
            work.extend(step.work);
            dead.extend(step.letter);
            errands.extend(step.errands);
        }
        self.executions.execute(connection, executions).await?;
        self.approvals.execute(connection, approvals, asked, unasked).await?;
        self.approvals.answer(connection, answered).await?;
        self.history.execute(connection, history).await?;
        self.work.execute(connection, work).await?;
        letters::keep(connection, dead).await?;
        self.errands.execute(connection, errands).await?;
        self.idempotency.execute(connection, keys).await
    }
}
