//! Where the store is, and its bounds.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::error::StoreError;
use crate::postgres;
use crate::sealing::Sealing;

/// Which database.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite files, for one host.
    Sqlite(StoreConfig),
    /// A PostgreSQL database, for any number of hosts.
    Postgres(PostgresConfig),
}

/// Where SQLite's files are, and their bounds. None is optional.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The directory that holds the files; created, for its owner only, where it does not exist.
    pub directory: PathBuf,
    /// How many commits one transaction, and so one fsync, carries at most.
    pub commit_batch_max: usize,
    /// How many commits wait for the writer at most; more wait to be accepted.
    pub queue_max: usize,
    /// Memory for keys that are durable and could be read again, in bytes. Keys that are not yet
    /// durable come on top; `queue_max` bounds them.
    pub cache_bytes_max: usize,
    /// Largest size of the database file, in bytes. What does not fit is refused.
    pub file_bytes_max: u64,
    /// How many connections load what is not in memory.
    pub readers_max: u32,
    /// How often expired values and old deletions are swept, and is told how far decisions have come.
    pub sweep_every: Duration,
    /// With which keys values are sealed.
    pub sealing: Sealing,
}

impl StoreConfig {
    /// The defaults, in a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            commit_batch_max: 512,
            queue_max: 4_096,
            cache_bytes_max: 16 << 20,
            file_bytes_max: 1 << 40,
            readers_max: 2,
            sweep_every: Duration::from_secs(60),
            sealing: Sealing::default(),
        }
    }
}

/// Which PostgreSQL database, and the bounds of what a host asks of it. None is optional.
#[derive(Clone)]
pub struct PostgresConfig {
    // Boxed: it is several times what all else is.
    pub(crate) options: Box<PgConnectOptions>,
    /// How many connections the host has at most, besides the one on which it listens.
    pub connections_max: u32,
    /// How many decisions one transaction carries at most.
    pub commit_batch_max: usize,
    /// How many decisions wait for a transaction at most; more wait to be accepted.
    pub queue_max: usize,
    /// How often expired values and old deletions are swept, and is told how far decisions have come.
    pub sweep_every: Duration,
    /// How often the database is asked what has happened, besides whenever it tells.
    pub poll_every: Duration,
    /// For how long what is due is left to the host that has taken it, in milliseconds.
    pub lease_ms: u64,
    /// With which keys values are sealed.
    pub sealing: Sealing,
}

impl PostgresConfig {
    /// The defaults, for the database of a URL (`postgres://user:password@host:port/name`). A
    /// directory with a socket is given as the parameter `host`.
    ///
    /// # Errors
    /// [`StoreError::Url`].
    pub fn new(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            options: Box::new(postgres::options(url)?),
            connections_max: 16,
            commit_batch_max: 512,
            queue_max: 4_096,
            sweep_every: Duration::from_secs(60),
            poll_every: Duration::from_secs(2),
            lease_ms: 10_000,
            sealing: Sealing::default(),
        })
    }

    /// Host and name of the database, and nothing secret.
    pub fn place(&self) -> String {
        postgres::place(&self.options)
    }
}

/// Without the password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl From<StoreConfig> for Database {
    fn from(config: StoreConfig) -> Self {
        Self::Sqlite(config)
    }
}

impl From<PostgresConfig> for Database {
    fn from(config: PostgresConfig) -> Self {
        Self::Postgres(config)
    }
}
