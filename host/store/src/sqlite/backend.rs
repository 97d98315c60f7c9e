//! The SQLite store: opening, closing, and asking for what was decided.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use writ_core::Tenant;
use writ_core::ports::{ApprovalReader, StorageReader};

use crate::config::StoreConfig;
use crate::decisions::Window;
use crate::error::{Failure, StoreError};
use crate::migration::Migrated;
use crate::row::{KeptBatch, StoredDecision};
use crate::sealing::{Opener, Sealing};
use crate::sqlite::batch::{Job, Message, Waiter};
use crate::sqlite::locks::Locks;
use crate::sqlite::reader::Reader;
use crate::sqlite::shared::Shared;
use crate::sqlite::sweep::Sweeper;
use crate::sqlite::table::Table;
use crate::sqlite::writer::Writer;
use crate::sqlite::{batches, connect, decisions, files};
use crate::stats::StoreStats;

/// A handle, cheap to clone. The files are closed when [`Sqlite::close`] returns, or some time after
/// the last handle is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Sqlite {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) locks: Locks,
    /// Guards the tasks until somebody waits for their end; taken once, by [`Store::close`].
    tasks: Mutex<Option<Tasks>>,
}

#[derive(Debug)]
struct Tasks {
    writer: JoinHandle<()>,
    sweeper: Sweeper,
}

impl Sqlite {
    /// Opens the files, or creates them, brings their tables up to date, and starts the writer.
    pub(crate) async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let (config, lock) = files::claim(config)?;
        let mut connection = connect::first_writer(&config).await?;
        connect::migrate(&mut connection, &config.directory).await?;
        let readers = connect::readers(&config);
        let shared = Arc::new(Shared::new(
            Table::new(config.cache_bytes_max),
            readers,
            config.sealing.clone(),
        ));
        let (messages, received) = mpsc::channel(config.queue_max.max(1));
        let sweep_every = config.sweep_every;
        let writer = Writer::new(config, shared.clone(), received, connection, lock);
        let writer = tokio::spawn(writer.run());
        let inner =
            Arc::new(Inner { shared, messages, locks: Locks::default(), tasks: Mutex::new(None) });
        let sweeper = Sweeper::start(Arc::downgrade(&inner), sweep_every);
        *inner.tasks() = Some(Tasks { writer, sweeper });
        Ok(Self { inner })
    }

    /// Brings the tables up to date, and closes the files again.
    pub(crate) async fn migrate(config: StoreConfig) -> Result<Migrated, StoreError> {
        let (config, _lock) = files::claim(config)?;
        let mut connection = connect::first_writer(&config).await?;
        let migrated = connect::migrate(&mut connection, &config.directory).await?;
        connect::close(connection).await.map_err(Failure::from)?;
        Ok(migrated)
    }

    pub(crate) fn reader(&self) -> Arc<dyn StorageReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    pub(crate) fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    pub(crate) async fn batches(
        &self,
        tenant: &Tenant,
        window: &Window,
        limit: u32,
    ) -> Result<Vec<KeptBatch>, StoreError> {
        batches::newest(&self.inner.shared.readers, tenant, window, limit).await
    }

    pub(crate) async fn decision(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<StoredDecision>, StoreError> {
        decisions::one(&self.inner.shared.readers, self.opener(tenant), id).await
    }

    pub(crate) async fn decisions_page(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StoredDecision>, StoreError> {
        decisions::page(&self.inner.shared.readers, self.opener(tenant), before, limit).await
    }

    pub(crate) fn sealing(&self) -> &Sealing {
        &self.inner.shared.sealing
    }

    pub(super) fn opener<'a>(&'a self, tenant: &'a Tenant) -> Opener<'a> {
        self.sealing().of(tenant)
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        if self.inner.messages.is_closed() {
            return Err(Failure::closed().into());
        }
        if self.inner.shared.counters.is_failing.load(Relaxed) {
            self.inner.probe().await?;
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let Inner { shared, messages, .. } = &*self.inner;
        let queued = messages.max_capacity() - messages.capacity();
        let cache_bytes = shared.table().bytes();
        StoreStats {
            queued: queued as u64,
            cache_bytes: cache_bytes as u64,
            ..shared.counters.snapshot()
        }
    }

    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let tasks = self.inner.tasks().take();
        let Some(Tasks { writer, sweeper }) = tasks else { return Ok(()) };
        sweeper.stop().await;
        self.inner.shared.readers.close().await;
        let (waiter, closed) = Waiter::new(Vec::new());
        if self.inner.messages.send(Message::Close(waiter)).await.is_err() {
            return Err(Failure::closed().into());
        }
        let result = closed.await.unwrap_or_else(|_| Err(Failure::closed()));
        writer.await.map_err(|_| Failure::closed())?;
        Ok(result?)
    }
}

impl Inner {
    fn tasks(&self) -> MutexGuard<'_, Option<Tasks>> {
        self.tasks.lock().expect("nobody panics while taking the tasks")
    }

    /// Waits until everything accepted so far is durable.
    pub(crate) async fn barrier(&self) -> Result<(), Failure> {
        self.ask(false).await
    }

    async fn probe(&self) -> Result<(), Failure> {
        self.ask(true).await
    }

    async fn ask(&self, is_probe: bool) -> Result<(), Failure> {
        self.write(Job { is_probe, ..Job::default() }).await
    }

    /// Makes a job durable that is built on nothing.
    pub(crate) async fn write(&self, job: Job) -> Result<(), Failure> {
        let (waiter, answered) = Waiter::new(Vec::new());
        self.messages.send(Message::Write(job, waiter)).await.map_err(|_| Failure::closed())?;
        answered.await.unwrap_or_else(|_| Err(Failure::closed()))
    }
}
