//! The PostgreSQL store: opening, closing, and how it is.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use sqlx::postgres::PgPool;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use writ_core::ports::{ApprovalReader, StorageReader};

use super::link::Link;
use super::reader::Reader;
use super::scope::{Access, Scope};
use super::strands::Strands;
use super::writer::{Message, Writer};
use super::{connect, follower, health, keys, listener, sweep};
use crate::config::PostgresConfig;
use crate::error::{Failure, StoreError};
use crate::migration::Migrated;
use crate::moment;
use crate::row::KeyChange;
use crate::stats::StoreStats;

/// A handle, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) config: PostgresConfig,
    pub(super) link: Arc<Link>,
    pub(super) strands: Arc<Strands>,
    pub(super) messages: mpsc::Sender<Message>,
    /// How many events of all tenants are durable.
    pub(super) events: watch::Sender<u64>,
    /// How often keys of all tenants have changed.
    pub(super) key_changes: watch::Sender<u64>,
    /// How often another policy set was made to decide, for all tenants.
    pub(super) set_changes: watch::Sender<u64>,
    /// Names this handle among those who look at what is due.
    pub(super) host: String,
    listening: PgPool,
    pub(super) turns: PgPool,
    /// Guards the tasks until somebody waits for their end; taken once, by [`Postgres::close`].
    tasks: Mutex<Option<Tasks>>,
}

/// Ends when it is dropped.
#[derive(Debug)]
struct Task(JoinHandle<()>);

#[derive(Debug)]
struct Tasks {
    /// Ends when it is told to, or when nobody can ask it any more.
    writer: JoinHandle<()>,
    /// What never ends by itself.
    others: [Task; 3],
}

impl Postgres {
    pub(crate) async fn migrate(config: PostgresConfig) -> Result<Migrated, StoreError> {
        connect::migrate(&config).await
    }

    /// Opens a database whose tables are the ones that this version knows.
    pub(crate) async fn open(config: PostgresConfig) -> Result<Self, StoreError> {
        let host = connect::check(&config).await?;
        let (messages, received) = mpsc::channel(config.queue_max.max(1));
        let inner = Arc::new(Inner {
            link: Arc::new(Link::new(connect::pool(&config))),
            strands: Arc::new(Strands::new(config.sealing.clone())),
            listening: connect::listening(&config),
            turns: connect::turns(&config),
            messages,
            events: watch::Sender::new(0),
            key_changes: watch::Sender::new(0),
            set_changes: watch::Sender::new(0),
            host,
            config,
            tasks: Mutex::new(None),
        });
        let counts = inner.counts().await.map_err(Failure::from)?;
        inner.publish(counts);
        inner.start(received);
        Ok(Self { inner })
    }

    pub(crate) fn reader(&self) -> Arc<dyn StorageReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    pub(crate) fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        Arc::new(Reader(self.inner.clone()))
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let is_failing = self.inner.link.counters.is_failing.load(Relaxed);
        Ok(self.inner.ping(is_failing).await?)
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let Inner { messages, link, .. } = &*self.inner;
        let queued = (messages.max_capacity() - messages.capacity()) as u64;
        StoreStats { queued, ..link.counters.snapshot() }
    }

    pub(crate) async fn close(self) -> Result<(), StoreError> {
        let tasks = self.inner.tasks().take();
        let Some(Tasks { writer, others }) = tasks else { return Ok(()) };
        // Where it has ended already, nothing is left to do.
        self.inner.messages.send(Message::Close).await.ok();
        let closed = writer.await.map_err(|_| Failure::closed());
        drop(others);
        self.inner.anchor(moment::now_ms()).await;
        self.inner.listening.close().await;
        self.inner.turns.close().await;
        // Waits for the transactions that are under way.
        self.inner.link.pool.close().await;
        Ok(closed?)
    }
}

impl Inner {
    fn start(self: &Arc<Self>, received: mpsc::Receiver<Message>) {
        let PostgresConfig { commit_batch_max, sweep_every, poll_every, .. } = self.config;
        let bell = Arc::new(Notify::new());
        let weak = || Arc::downgrade(self);
        let (link, strands) = (self.link.clone(), self.strands.clone());
        let writer = Writer { link, strands, batch_max: commit_batch_max.max(1) };
        let others = [
            Task::start(follower::run(weak(), bell.clone(), poll_every)),
            Task::start(listener::run(self.listening.clone(), bell)),
            Task::start(sweep::run(weak(), sweep_every)),
        ];
        *self.tasks() = Some(Tasks { writer: tokio::spawn(writer.run(received)), others });
    }

    fn tasks(&self) -> MutexGuard<'_, Option<Tasks>> {
        self.tasks.lock().expect("nobody panics while taking the tasks")
    }

    async fn ping(&self, is_failing: bool) -> Result<(), Failure> {
        if is_failing {
            let mut transaction = self.link.begin(Scope::AllTenants, Access::Write).await?;
            health::probe(&mut transaction).await?;
            transaction.commit().await?;
            self.link.counters.is_failing.store(false, Relaxed);
            return Ok(());
        }
        let mut view = self.link.begin(Scope::AllTenants, Access::Read).await?;
        match health::is_writable(&mut view).await? {
            true => Ok(()),
            false => Err(Failure::read_only()),
        }
    }

    pub(super) async fn write_key(&self, change: KeyChange) -> Result<(), sqlx::Error> {
        let tenant = change.tenant().clone();
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        keys::change(&mut transaction, change).await?;
        transaction.commit().await
    }
}

impl Task {
    fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
