//! The writer: one task that owns the one connection that writes.
//!
//! Group commit: a batch is what arrived while the last batch waited for the disk, so nothing is
//! ever delayed to make a batch larger. A batch is one transaction and one fsync; then each of its
//! commits is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::mpsc;

use crate::config::StoreConfig;
use crate::error::Failure;
use crate::moment;
use crate::points::{self, Keeping, Moment};
use crate::sqlite::batch::{Batch, Job, Message, Refusals, Waiter};
use crate::sqlite::chains::Chains;
use crate::sqlite::files::DirectoryLock;
use crate::sqlite::rows::ROWS_MAX;
use crate::sqlite::shared::Shared;
use crate::sqlite::strands::Strands;
use crate::sqlite::write::Statements;
use crate::sqlite::{connect, policies, retention};
use crate::step::Versions;

/// The writer's task and what it owns.
pub(crate) struct Writer {
    config: StoreConfig,
    shared: Arc<Shared>,
    messages: mpsc::Receiver<Message>,
    /// None after a failure: what state a failed connection is in is not worth knowing.
    connection: Option<SqliteConnection>,
    statements: Statements,
    chains: Chains,
    strands: Strands,
    /// No other host may write before this task has ended.
    _lock: DirectoryLock,
}

/// What a transaction made durable.
struct Written {
    decisions: usize,
    writes: usize,
    events: usize,
    sequence: u64,
    refusals: Refusals,
}

impl Writer {
    pub(crate) fn new(
        config: StoreConfig,
        shared: Arc<Shared>,
        messages: mpsc::Receiver<Message>,
        connection: SqliteConnection,
        lock: DirectoryLock,
    ) -> Self {
        Self {
            config,
            shared,
            messages,
            connection: Some(connection),
            statements: Statements::new(),
            chains: Chains::default(),
            strands: Strands::default(),
            _lock: lock,
        }
    }

    /// Runs until it is told to close or nobody can ask it any more.
    pub(crate) async fn run(mut self) {
        let mut received = Vec::new();
        let batch_max = self.config.commit_batch_max.max(1);
        while self.messages.recv_many(&mut received, batch_max).await > 0 {
            let (mut jobs, mut waiters, mut closing) = (Vec::new(), Vec::new(), Vec::new());
            for message in received.drain(..) {
                match message {
                    Message::Write(job, waiter) => {
                        jobs.push(job);
                        waiters.push(waiter);
                    }
                    Message::Close(waiter) => closing.push(waiter),
                }
            }
            self.commit(jobs, waiters, &mut closing).await;
            if !closing.is_empty() {
                return self.close(closing).await;
            }
            // Who was just answered goes first: what it commits next joins the next batch, where
            // otherwise half of all would always have just missed it.
            tokio::task::yield_now().await;
        }
        self.close(Vec::new()).await;
    }

    async fn commit(&mut self, jobs: Vec<Job>, waiters: Vec<Waiter>, closing: &mut Vec<Waiter>) {
        if jobs.iter().all(Job::is_empty) {
            return answer(waiters, &Ok(()));
        }
        let started = Instant::now();
        match self.write(jobs).await {
            Ok(written) => self.confirm(written, started, waiters, closing),
            Err(error) => {
                self.connection = None;
                self.chains.forget();
                self.strands.forget();
                self.fail(waiters, &error.into(), closing);
            }
        }
    }

    /// Answers what is durable, and what was refused.
    fn confirm(
        &mut self,
        written: Written,
        started: Instant,
        waiters: Vec<Waiter>,
        closing: &mut Vec<Waiter>,
    ) {
        let Written { decisions, writes, events, sequence, refusals } = written;
        self.shared.table().note_durable(sequence);
        self.shared.counters.count_batch(decisions, writes, started.elapsed());
        self.shared.events.send_if_modified(|count| {
            *count += events as u64;
            events > 0
        });
        let Refusals { mut failures, is_memory_ahead } = refusals;
        self.shared.counters.failures.fetch_add(failures.len() as u64, Relaxed);
        for failure in failures.values() {
            tracing::error!(error = failure.inside(), "a commit was refused");
        }
        let behind = if is_memory_ahead { self.forget(closing) } else { Vec::new() };
        for (at, waiter) in waiters.into_iter().enumerate() {
            waiter.answer(failures.remove(&at).map_or(Ok(()), Err));
        }
        points::pass("sqlite.batch.answered");
        self.shared.counters.failures.fetch_add(behind.len() as u64, Relaxed);
        answer(behind, &Err(Failure::built_on_refused()));
    }

    /// Fails a batch and all that was queued behind it, since it may have been built on it.
    fn fail(&mut self, mut waiters: Vec<Waiter>, failure: &Failure, closing: &mut Vec<Waiter>) {
        self.shared.counters.is_failing.store(true, Relaxed);
        waiters.extend(self.forget(closing));
        self.shared.counters.failures.fetch_add(waiters.len() as u64, Relaxed);
        tracing::error!(
            commits = waiters.len(),
            error = failure.inside(),
            "a batch of commits could not be made durable"
        );
        answer(waiters, &Err(failure.clone()));
    }

    /// Empties memory and the queue. Returns who waits for what was queued.
    fn forget(&mut self, closing: &mut Vec<Waiter>) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        // Commits are queued under this lock: none can slip in between judged by what is about to
        // be forgotten.
        let mut table = self.shared.table();
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Write(_, waiter) => waiters.push(waiter),
                Message::Close(waiter) => closing.push(waiter),
            }
        }
        table.forget();
        waiters
    }

    async fn write(&mut self, jobs: Vec<Job>) -> Result<Written, sqlx::Error> {
        if jobs.iter().all(Job::decides_at_most) {
            return self.write_decisions(jobs).await;
        }
        let keeping = jobs.iter().fold(Keeping::default(), |keeping, job| {
            keeping.and(job.step.as_deref(), job.writes.len(), &job.journal)
        });
        keeping.pass(Moment::Begun);
        let Self { config, connection, statements, chains, strands, .. } = self;
        let connection = connected(connection, config).await?;
        // From here on nobody else can write: what is found stays so until the commit.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        points::pass("sqlite.transaction.begun");
        let versions = statements.versions(&mut transaction, &jobs).await?;
        let (mut batch, refusals) = Batch::admit(jobs, &versions);
        let mut events = chains.append(&mut transaction, &mut batch.steps).await?;
        let told = std::mem::take(&mut batch.told);
        events.extend(chains.tell(&mut transaction, told).await?);
        let changes = std::mem::take(&mut batch.policies);
        events.extend(policies::apply(&mut transaction, chains, changes).await?);
        let mut written = Written::of(&batch, events.len(), refusals);
        let sweeps = std::mem::take(&mut batch.sweeps);
        let anchors_at_ms = batch.anchors_at_ms;
        let decisions = std::mem::take(&mut batch.decisions);
        let decisions = strands.append(&mut transaction, &config.sealing, decisions).await?;
        statements.write(&mut transaction, batch, events).await?;
        statements.write_decisions(&mut transaction, decisions).await?;
        // Last, so that what the others tell of is seen.
        let mut told = retention::apply(&mut transaction, chains, sweeps).await?;
        let anchored = anchors_at_ms.map_or_else(Vec::new, |at_ms| strands.tell(at_ms));
        told.extend(chains.tell(&mut transaction, anchored).await?);
        written.events += told.len();
        statements.write_events(&mut transaction, told).await?;
        keeping.pass(Moment::Written);
        transaction.commit().await?;
        keeping.pass(Moment::Committed);
        Ok(written)
    }

    /// Writes what is nothing but decisions: almost always by one statement, which then is the
    /// transaction.
    async fn write_decisions(&mut self, jobs: Vec<Job>) -> Result<Written, sqlx::Error> {
        let Self { config, connection, statements, strands, .. } = self;
        let connection = connected(connection, config).await?;
        let (batch, refusals) = Batch::admit(jobs, &Versions::new());
        let written = Written::of(&batch, 0, refusals);
        points::pass("store.decisions.begun");
        let rows = strands.append(connection, &config.sealing, batch.decisions).await?;
        if rows.len() <= ROWS_MAX {
            statements.write_decisions(connection, rows).await?;
        } else {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
            statements.write_decisions(&mut transaction, rows).await?;
            transaction.commit().await?;
        }
        points::pass("store.decisions.committed");
        Ok(written)
    }

    /// Tells how far strands of decisions have come, while there is still a connection to do it.
    async fn anchor(&mut self) {
        if self.connection.is_none() {
            return;
        }
        let job = Job { anchors_at_ms: Some(moment::now_ms()), ..Job::default() };
        if let Err(error) = self.write(vec![job]).await {
            self.connection = None;
            tracing::warn!(%error, "how far decisions have come is not told; the next host tells it");
        }
    }

    async fn close(mut self, closing: Vec<Waiter>) {
        self.anchor().await;
        self.messages.close();
        let result = match self.connection.take() {
            Some(connection) => connect::close(connection).await.map_err(Failure::from),
            None => Ok(()),
        };
        let Self { mut messages, .. } = self;
        while let Ok(message) = messages.try_recv() {
            match message {
                Message::Write(_, waiter) => waiter.answer(Err(Failure::closed())),
                Message::Close(waiter) => waiter.answer(result.clone()),
            }
        }
        answer(closing, &result);
    }
}

impl Written {
    fn of(batch: &Batch, events: usize, refusals: Refusals) -> Self {
        let (decisions, writes) = (batch.decisions.len(), batch.writes.len());
        Self { decisions, writes, events, sequence: batch.sequence, refusals }
    }
}

async fn connected<'a>(
    connection: &'a mut Option<SqliteConnection>,
    config: &StoreConfig,
) -> Result<&'a mut SqliteConnection, sqlx::Error> {
    match connection {
        Some(connection) => Ok(connection),
        None => Ok(connection.insert(connect::writer(config).await?)),
    }
}

fn answer(waiters: Vec<Waiter>, result: &Result<(), Failure>) {
    for waiter in waiters {
        waiter.answer(result.clone());
    }
}
