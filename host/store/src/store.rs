//! The store's handle: opening, closing, and asking for what was decided.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use writ_core::Tenant;
use writ_core::ports::{ApprovalReader, StorageReader};

use crate::batch::{Job, Message, Waiter};
use crate::config::StoreConfig;
use crate::error::{Failure, StoreError};
use crate::locks::Locks;
use crate::reader::Reader;
use crate::shared::Shared;
use crate::sqlite::decisions::{self, StoredDecision};
use crate::sqlite::{self, files};
use crate::stats::StoreStats;
use crate::sweep::Sweeper;
use crate::table::Table;
use crate::writer::Writer;

/// A handle to the store, cheap to clone. The files are closed when [`Store::close`] returns, or
/// some time after the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Store {
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

impl Store {
    /// Opens the files of a directory, or creates them, and starts the writer. Runs what a newer
    /// version wants changed in the tables.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another host has the directory; [`StoreError::File`],
    /// [`StoreError::Migration`] and [`StoreError::Unavailable`] where the files do not serve.
    pub async fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let (directory, lock) = files::claim(&config.directory)?;
        let config = StoreConfig { directory, ..config };
        let mut connection = sqlite::connect_writer(&config).await.map_err(Failure::from)?;
        sqlite::migrate(&mut connection, &config.directory).await?;
        let readers = sqlite::connect_readers(&config);
        let shared = Arc::new(Shared::new(Table::new(config.cache_bytes_max), readers));
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

    /// Whether a directory holds a store, open or not.
    pub fn is_in(directory: &Path) -> bool {
        files::database(directory).exists()
    }

    /// Reads what policies stored.
    pub fn reader(&self) -> Arc<dyn StorageReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    /// Reads what people were asked before: only what is durable.
    pub fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    /// One decision of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn decision(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<StoredDecision>, StoreError> {
        decisions::one(&self.inner.shared.readers, tenant, id).await
    }

    /// A tenant's decisions, newest first, at most `limit` of those before an id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn decisions_page(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StoredDecision>, StoreError> {
        decisions::page(&self.inner.shared.readers, tenant, before, limit).await
    }

    /// Tells whether the store can keep decisions. Free while it does; once a write has failed,
    /// each call tries to write, so that the store is found healthy again without any decision.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        if self.inner.messages.is_closed() {
            return Err(Failure::closed().into());
        }
        if self.inner.shared.counters.is_failing.load(Relaxed) {
            self.inner.probe().await?;
        }
        Ok(())
    }

    /// Figures about the store.
    pub fn stats(&self) -> StoreStats {
        let Inner { shared, messages, .. } = &*self.inner;
        let queued = messages.max_capacity() - messages.capacity();
        let cache_bytes = shared.table().bytes();
        StoreStats {
            queued: queued as u64,
            cache_bytes: cache_bytes as u64,
            ..shared.counters.snapshot()
        }
    }

    /// Makes all that was committed durable, and closes the files. Commits through other handles
    /// fail from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing that was answered is lost.
    pub async fn close(self) -> Result<(), StoreError> {
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
