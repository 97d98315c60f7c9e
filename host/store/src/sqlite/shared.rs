//! What a store's handles and its tasks share.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;
use writ_core::ledger::{Stored, Usage};
use writ_core::ports::Namespace;

use sqlx::sqlite::SqlitePool;

use crate::error::Failure;
use crate::sealing::Sealing;
use crate::sqlite::storage;
use crate::sqlite::table::Table;
use crate::stats::Counters;

#[derive(Debug)]
pub(crate) struct Shared {
    /// Guards the one truth about what policies stored, and with it the order of the queue to the
    /// writer: who accepts a commit sends it to the writer before it lets go. Held for lookups and
    /// copies only, never across an await.
    table: Mutex<Table>,
    pub(crate) readers: SqlitePool,
    pub(crate) sealing: Sealing,
    pub(crate) counters: Counters,
    /// How many events have become durable.
    pub(crate) events: watch::Sender<u64>,
    /// Nobody else changes keys: never sent to.
    pub(crate) key_changes: watch::Sender<u64>,
    /// Nobody else makes another policy set decide: never sent to.
    pub(crate) set_changes: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(table: Table, readers: SqlitePool, sealing: Sealing) -> Self {
        Self {
            table: Mutex::new(table),
            readers,
            sealing,
            counters: Counters::default(),
            events: watch::Sender::new(0),
            key_changes: watch::Sender::new(0),
            set_changes: watch::Sender::new(0),
        }
    }

    /// # Panics
    /// If a holder has panicked: the table may be half changed, and no decision may rest on it.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("nobody panics while changing the table")
    }

    pub(crate) async fn load(&self, namespace: &Namespace, key: &str) -> Result<Stored, Failure> {
        self.counters.loads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(storage::one(&self.readers, namespace, key).await?)
    }

    pub(crate) async fn load_usage(&self, namespace: &Namespace) -> Result<Usage, Failure> {
        Ok(storage::usage(&self.readers, namespace).await?)
    }
}
