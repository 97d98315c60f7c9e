//! Connections to the database, and whether its tables are the ones that this version knows.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Row as _};

use crate::config::PostgresConfig;
use crate::error::StoreError;
use crate::migration::{Migrated, POSTGRES};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many requests that keep losing to each other wait for their turn on a host's behalf.
const TURNS_MAX: u32 = 4;
/// How long a statement waits for what another transaction holds. Nothing in the store holds
/// anything for long.
const LOCK_TIMEOUT: &str = "5s";
/// How long a transaction may rest in the hands of a host: one that hangs must not hold others up.
const IDLE_TIMEOUT: &str = "30s";

/// What a URL may say besides the place.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// What a URL says. No error has any of the URL in it: a password may be anywhere.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let refused = |reason: &str| StoreError::Url(reason.to_owned());
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(refused("it does not begin with `postgres://`"));
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !PARAMETERS.contains(&name) {
            let known = PARAMETERS.join("`, `");
            return Err(refused(&format!("a parameter is none of `{known}`")));
        }
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| refused("it cannot be read"))?;
    let named = options.get_application_name().is_some();
    let options = if named { options } else { options.application_name("writ") };
    Ok(options.disable_statement_logging())
}

/// Where a database is, for people: host and name, and nothing secret.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(directory) => directory.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    format!("{host}/{}", options.get_database().unwrap_or(options.get_username()))
}

/// Connections for transactions; each is opened when it is first needed.
pub(super) fn pool(config: &PostgresConfig) -> PgPool {
    let bounds = [
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
        // What is answered is on disk, whatever the database's own setting is.
        ("synchronous_commit", "on"),
    ];
    let options = PgConnectOptions::clone(&config.options).options(bounds);
    pool_of(config.connections_max.max(1)).connect_lazy_with(options)
}

/// Connections for turns alone.
pub(super) fn turns(config: &PostgresConfig) -> PgPool {
    let bounds =
        [("lock_timeout", LOCK_TIMEOUT), ("idle_in_transaction_session_timeout", IDLE_TIMEOUT)];
    pool_of(TURNS_MAX).connect_lazy_with(PgConnectOptions::clone(&config.options).options(bounds))
}

fn pool_of(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
}

/// The one connection on which the database says what has changed. Not of the others, so that it
/// never waits for them.
pub(super) fn listening(config: &PostgresConfig) -> PgPool {
    pool_of(1).connect_lazy_with(PgConnectOptions::clone(&config.options))
}

/// Creates the tables, or brings them up to date. Where several hosts try, one does it.
pub(super) async fn migrate(config: &PostgresConfig) -> Result<Migrated, StoreError> {
    let mut connection = connect(config).await?;
    let failed = |reason| StoreError::Migration { place: config.place(), reason };
    let before = applied(&mut connection).await.map_err(failed)?;
    POSTGRES.run(&mut connection).await.map_err(failed)?;
    // A connection that does not close cleanly has done its work all the same.
    connection.close().await.ok();
    Ok(Migrated::of(&POSTGRES, &before))
}

/// Looks whether the tables are the ones that this version knows. Returns a name that no other host
/// has.
pub(super) async fn check(config: &PostgresConfig) -> Result<String, StoreError> {
    let mut connection = connect(config).await?;
    let failed = |reason| StoreError::Migration { place: config.place(), reason };
    let applied = applied(&mut connection).await.map_err(failed)?;
    let unknown = applied.iter().find(|applied| !POSTGRES.version_exists(applied.version));
    if let Some(unknown) = unknown {
        return Err(failed(MigrateError::VersionMissing(unknown.version)));
    }
    for migration in POSTGRES.iter() {
        match applied.iter().find(|applied| applied.version == migration.version) {
            None => return Err(StoreError::Behind { place: config.place() }),
            Some(applied) if applied.checksum != migration.checksum => {
                return Err(failed(MigrateError::VersionMismatch(migration.version)));
            }
            Some(_) => {}
        }
    }
    let introduced = introduce(&mut connection).await;
    connection.close().await.ok();
    introduced.map_err(|reason| unreachable(config, &reason))
}

async fn connect(config: &PostgresConfig) -> Result<PgConnection, StoreError> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, config.options.connect());
    match connecting.await {
        Ok(connected) => connected.map_err(|reason| unreachable(config, &reason)),
        Err(_) => Err(unreachable(config, &"it does not answer")),
    }
}

fn unreachable(config: &PostgresConfig, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Database { place: config.place(), reason: reason.to_string() }
}

/// The migrations that were run, where there is a table that tells.
async fn applied(connection: &mut PgConnection) -> Result<Vec<AppliedMigration>, MigrateError> {
    let table = &POSTGRES.table_name;
    let found = sqlx::query("SELECT to_regclass($1) IS NOT NULL AS found").bind(&**table);
    let row = found.fetch_one(&mut *connection).await?;
    match row.try_get("found")? {
        true => connection.list_applied_migrations(table).await,
        false => Ok(Vec::new()),
    }
}

/// Asks for a name, and tells where row-level security does not bind the database's role.
async fn introduce(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let sql = "SELECT gen_random_uuid()::text AS host, rolsuper OR rolbypassrls AS is_beyond
               FROM pg_roles WHERE rolname = current_user";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    if row.try_get("is_beyond")? {
        tracing::warn!(
            "the database's role is beyond row-level security, which keeps tenants apart: give \
             this host a role that is no superuser and has no BYPASSRLS"
        );
    }
    row.try_get("host")
}
