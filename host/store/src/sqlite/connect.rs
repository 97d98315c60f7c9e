//! Connections to the SQLite files, and which tables there are.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use crate::config::StoreConfig;
use crate::error::{LOOK_AFTER, StoreError};
use crate::migration::{Migrated, SQLITE};
use crate::sqlite::{files, rows};

const PAGE_BYTES: u64 = 4_096;
/// Pages in the write-ahead log at which a commit copies them into the database: 16 MiB. That commit
/// takes long, and so does whoever waits for it; SQLite's own 1,000 made that one commit in a hundred.
const CHECKPOINT_PAGES: u32 = 4_000;
/// What a write-ahead log that has grown is cut to, in bytes.
const LOG_BYTES_KEPT: u64 = 64 << 20;
/// How long to wait for a lock or a connection. Nothing in the store holds one for long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements of different row counts are prepared separately.
const STATEMENTS_KEPT: usize = 10 * rows::ROWS_MAX;

/// Connects the only connection that writes.
pub(crate) async fn writer(config: &StoreConfig) -> Result<SqliteConnection, sqlx::Error> {
    options(&files::database(&config.directory))
        .pragma("max_page_count", (config.file_bytes_max / PAGE_BYTES).max(1).to_string())
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", LOG_BYTES_KEPT.to_string())
        // What was plain once must not lie in the file where its row was.
        .pragma("secure_delete", if config.sealing.active().is_some() { "ON" } else { "OFF" })
        .statement_cache_capacity(STATEMENTS_KEPT)
        .connect()
        .await
}

/// The same for the first time, where an operator must be told which file fails.
pub(crate) async fn first_writer(config: &StoreConfig) -> Result<SqliteConnection, StoreError> {
    writer(config).await.map_err(|error| StoreError::Database {
        place: files::database(&config.directory).display().to_string(),
        reason: format!("{error}\nhint: {LOOK_AFTER}"),
    })
}

/// Connections for what is not in memory; each is opened when it is first needed.
pub(crate) fn readers(config: &StoreConfig) -> SqlitePool {
    let options = options(&files::database(&config.directory)).read_only(true);
    SqlitePoolOptions::new()
        .max_connections(config.readers_max.max(1))
        .acquire_timeout(BUSY_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// Creates the tables, or brings them up to date. Migrations only go forward.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    directory: &Path,
) -> Result<Migrated, StoreError> {
    let failed = |reason| {
        let place = files::database(directory).display().to_string();
        StoreError::Migration { place, reason }
    };
    let table = &SQLITE.table_name;
    connection.ensure_migrations_table(table).await.map_err(failed)?;
    let before = connection.list_applied_migrations(table).await.map_err(failed)?;
    SQLITE.run(connection).await.map_err(failed)?;
    Ok(Migrated::of(&SQLITE, &before))
}

/// Copies the write-ahead log into the database and closes.
pub(crate) async fn close(mut connection: SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(PAGE_BYTES as u32)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What a statement may have to undo stays in memory: else it goes through a file of its own,
        // outside of the directory that is ours.
        .pragma("temp_store", "MEMORY")
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}
