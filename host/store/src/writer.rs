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

use crate::batch::{Batch, Message, Waiter, newest};
use crate::config::StoreConfig;
use crate::error::Failure;
use crate::shared::Shared;
use crate::sqlite::decisions;
use crate::sqlite::files::DirectoryLock;
use crate::sqlite::keys;
use crate::sqlite::storage;
use crate::sqlite::{self, health};

/// The writer's task and what it owns.
pub(crate) struct Writer {
    config: StoreConfig,
    shared: Arc<Shared>,
    messages: mpsc::Receiver<Message>,
    /// None after a failure: what state a failed connection is in is not worth knowing.
    connection: Option<SqliteConnection>,
    decisions: decisions::Insert,
    storage: storage::Apply,
    /// No other host may write before this task has ended.
    _lock: DirectoryLock,
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
            decisions: decisions::Insert::new(),
            storage: storage::Apply::new(),
            _lock: lock,
        }
    }

    /// Runs until it is told to close or nobody can ask it any more.
    pub(crate) async fn run(mut self) {
        let mut received = Vec::new();
        let batch_max = self.config.commit_batch_max.max(1);
        while self.messages.recv_many(&mut received, batch_max).await > 0 {
            let mut closing = Vec::new();
            let mut batch = Batch::default();
            for message in received.drain(..) {
                match message {
                    Message::Write(job) => batch.add(job),
                    Message::Key(change, done) => batch.add_key(*change, done),
                    Message::Close(done) => closing.push(done),
                }
            }
            self.commit(batch, &mut closing).await;
            if !closing.is_empty() {
                return self.close(closing).await;
            }
            // Who was just answered goes first: what it commits next joins the next batch, where
            // otherwise half of all would always have just missed it.
            tokio::task::yield_now().await;
        }
        self.close(Vec::new()).await;
    }

    async fn commit(&mut self, mut batch: Batch, closing: &mut Vec<Waiter>) {
        let started = Instant::now();
        let (waiters, sequence) = (std::mem::take(&mut batch.waiters), batch.sequence);
        let (decisions, writes) = (batch.decisions.len(), batch.writes.len());
        if batch.is_empty() {
            return answer(waiters, &Ok(()));
        }
        match self.write(batch).await {
            Ok(()) => {
                self.shared.table().note_durable(sequence);
                self.shared.counters.count_batch(decisions, writes, started.elapsed());
                answer(waiters, &Ok(()));
            }
            Err(error) => {
                self.connection = None;
                self.fail(waiters, &error.into(), closing);
            }
        }
    }

    /// Fails a batch and all that was queued behind it, since it may have been built on it.
    fn fail(&mut self, mut waiters: Vec<Waiter>, failure: &Failure, closing: &mut Vec<Waiter>) {
        self.shared.counters.is_failing.store(true, Relaxed);
        {
            // Commits are queued under this lock: none can slip in between judged by what is
            // about to be forgotten.
            let mut table = self.shared.table();
            while let Ok(message) = self.messages.try_recv() {
                match message {
                    Message::Write(job) => waiters.push(job.done),
                    Message::Key(_, done) => waiters.push(done),
                    Message::Close(done) => closing.push(done),
                }
            }
            table.forget();
        }
        self.shared.counters.failures.fetch_add(waiters.len() as u64, Relaxed);
        tracing::error!(
            commits = waiters.len(),
            error = failure.inside(),
            "a batch of commits could not be made durable"
        );
        answer(waiters, &Err(failure.clone()));
    }

    async fn write(&mut self, batch: Batch) -> Result<(), sqlx::Error> {
        let Self { config, connection, decisions, storage, .. } = self;
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(sqlite::connect_writer(config).await?),
        };
        if batch.is_one_statement() {
            return decisions.execute(connection, batch.decisions).await;
        }
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        decisions.execute(&mut transaction, batch.decisions).await?;
        storage.execute(&mut transaction, newest(batch.writes)).await?;
        keys::apply(&mut transaction, batch.keys).await?;
        if batch.is_probe {
            health::probe(&mut transaction).await?;
        }
        transaction.commit().await
    }

    async fn close(mut self, closing: Vec<Waiter>) {
        self.messages.close();
        let result = match self.connection.take() {
            Some(connection) => sqlite::close(connection).await.map_err(Failure::from),
            None => Ok(()),
        };
        let Self { mut messages, .. } = self;
        while let Ok(message) = messages.try_recv() {
            match message {
                Message::Write(job) => answer(vec![job.done], &Err(Failure::closed())),
                Message::Key(_, done) => answer(vec![done], &Err(Failure::closed())),
                Message::Close(done) => answer(vec![done], &result),
            }
        }
        answer(closing, &result);
    }
}

fn answer(waiters: Vec<Waiter>, result: &Result<(), Failure>) {
    for waiter in waiters {
        // Who no longer waits has given up on the answer, not on the commit.
        waiter.send(result.clone()).ok();
    }
}
