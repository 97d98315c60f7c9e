//! The store's handle: opening, closing, and how it is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use writ_core::ports::{ApprovalReader, Namespace, StorageReader};

use crate::config::Database;
use crate::error::StoreError;
use crate::migration::Migrated;
use crate::port::{Backend, on};
use crate::postgres::{self, Postgres};
use crate::sqlite::{Sqlite, files};
use crate::stats::StoreStats;

/// A handle to the store, cheap to clone. Files and connections are closed when [`Store::close`]
/// returns, or some time after the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Store(pub(crate) Backend);

/// Turns, which end when this is dropped.
#[derive(Debug)]
pub struct Turns(#[expect(dead_code, reason = "held, not read")] Option<postgres::Turns>);

impl Store {
    /// Opens a store. SQLite files are created where they are not there, and a host that opens them
    /// brings their tables up to date. A PostgreSQL database must have its tables already (see
    /// [`Store::migrate`]): other hosts may be using it as it is.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another host has the files; [`StoreError::Behind`] where the
    /// database's tables are not up to date; [`StoreError::File`], [`StoreError::Database`],
    /// [`StoreError::Migration`] and [`StoreError::Unavailable`] where they do not serve.
    pub async fn open(database: impl Into<Database>) -> Result<Self, StoreError> {
        Ok(Self(match database.into() {
            Database::Sqlite(config) => Backend::Sqlite(Sqlite::open(config).await?),
            Database::Postgres(config) => Backend::Postgres(Postgres::open(config).await?),
        }))
    }

    /// Brings a database's tables up to date, or creates them, and says what was done. Only forward.
    ///
    /// # Errors
    /// As [`Store::open`], but for [`StoreError::Behind`].
    pub async fn migrate(database: impl Into<Database>) -> Result<Migrated, StoreError> {
        match database.into() {
            Database::Sqlite(config) => Sqlite::migrate(config).await,
            Database::Postgres(config) => Postgres::migrate(config).await,
        }
    }

    /// Whether a directory holds a store, open or not.
    pub fn is_in(directory: &Path) -> bool {
        files::database(directory).exists()
    }

    /// Whether other hosts may have the same database open.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Backend::Postgres(_))
    }

    /// Reads what policies stored.
    pub fn reader(&self) -> Arc<dyn StorageReader> {
        on!(self, backend => backend.reader())
    }

    /// Reads what people were asked before: only what is durable.
    pub fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        on!(self, backend => backend.approval_reader())
    }

    /// Waits for the turn of each of some namespaces, where other hosts share the database: whoever
    /// keeps losing to others there takes turns with those who do, too. Where none do, there is
    /// nothing to wait for. Whoever holds a turn must not ask for another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; a turn makes a commit likelier to hold, and none is needed.
    pub async fn turns(&self, namespaces: &BTreeSet<Arc<Namespace>>) -> Result<Turns, StoreError> {
        match &self.0 {
            Backend::Sqlite(_) => Ok(Turns(None)),
            Backend::Postgres(postgres) => Ok(Turns(Some(postgres.turns(namespaces).await?))),
        }
    }

    /// Tells whether the store can keep decisions. Once a write has failed, each call tries to
    /// write, so that the store is found healthy again without any decision; before, it is free on
    /// SQLite, and asks PostgreSQL whether it is there and may be written to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        on!(self, backend => backend.ping().await)
    }

    /// Figures about the store, as far as this host has to do with it.
    pub fn stats(&self) -> StoreStats {
        on!(self, backend => backend.stats())
    }

    /// Removes some of the rows of storage that may be removed at a time (in milliseconds since the
    /// Unix epoch), and returns how many. The store does this by itself, every so often.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        on!(self, backend => backend.sweep(now_ms).await)
    }

    /// Makes all that was committed durable, and closes files and connections. Commits through other
    /// handles fail from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; nothing that was answered is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.0 {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
        }
    }
}
