//! What policies stored: one row a key, and one a deleted key for as long as its version matters.

use std::sync::Arc;

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::ledger::{Stored, Usage};
use writ_core::ports::{Namespace, Page};

use crate::row::StorageRow;
use crate::sqlite::rows::{RowsStatement, bind, integer, name};

/// Writes and removes keys.
#[derive(Debug)]
pub(crate) struct Apply {
    upsert: RowsStatement,
    remove: RowsStatement,
}

impl Apply {
    pub(crate) fn new() -> Self {
        let upsert = RowsStatement::new(
            "INSERT INTO storage (tenant, binding, key, version, expires_at_ms, sweep_at_ms, value)
             VALUES",
            "(?,?,?,?,?,?,?)",
            " ON CONFLICT DO UPDATE SET version = excluded.version,
                expires_at_ms = excluded.expires_at_ms, sweep_at_ms = excluded.sweep_at_ms,
                value = excluded.value",
        );
        let remove = RowsStatement::new(
            "DELETE FROM storage WHERE (tenant, binding, key) IN (VALUES",
            "(?,?,?)",
            ")",
        );
        Self { upsert, remove }
    }

    /// No key may be there twice.
    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<StorageRow>,
    ) -> Result<(), sqlx::Error> {
        let (kept, removed): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.stored.version > 0);
        let bind_kept = |arguments: &mut SqliteArguments, row: StorageRow| {
            bind!(
                arguments,
                row.namespace.tenant.as_str(),
                row.namespace.binding.as_str(),
                row.key.as_bytes(),
                integer(row.stored.version),
                row.stored.expires_at_ms.map(integer),
                row.sweep_at_ms.map(integer),
                row.stored.value,
            )
        };
        self.upsert.execute(connection, kept, bind_kept).await?;
        let bind_removed = |arguments: &mut SqliteArguments, row: StorageRow| {
            let Namespace { tenant, binding } = &*row.namespace;
            bind!(arguments, tenant.as_str(), binding.as_str(), row.key.as_bytes())
        };
        self.remove.execute(connection, removed, bind_removed).await
    }
}

/// One key, as far as it is durable.
pub(crate) async fn one(
    readers: &SqlitePool,
    namespace: &Namespace,
    key: &str,
) -> Result<Stored, sqlx::Error> {
    let sql = "SELECT version, expires_at_ms, value FROM storage
               WHERE tenant = ? AND binding = ? AND key = ?";
    let row = sqlx::query(sql)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(key.as_bytes())
        .fetch_optional(readers)
        .await?;
    row.map_or(Ok(Stored::ABSENT), |row| stored(&row))
}

/// How much a namespace holds, as far as it is durable. Reads all its keys.
pub(crate) async fn usage(
    readers: &SqlitePool,
    namespace: &Namespace,
) -> Result<Usage, sqlx::Error> {
    let sql = "SELECT count(*), coalesce(sum(length(key) + length(value)), 0) FROM storage
               WHERE tenant = ? AND binding = ? AND value IS NOT NULL";
    let (keys, bytes): (i64, i64) = sqlx::query_as(sql)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .fetch_one(readers)
        .await?;
    Ok(Usage { keys: keys.cast_unsigned(), bytes: bytes.cast_unsigned() })
}

/// A page of keys, as far as they are durable.
pub(crate) async fn list(
    readers: &SqlitePool,
    namespace: &Namespace,
    page: Page<'_>,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT key FROM storage
               WHERE tenant = ?1 AND binding = ?2 AND value IS NOT NULL
                 AND (expires_at_ms IS NULL OR expires_at_ms > ?3)
                 AND key >= ?4 AND (?5 IS NULL OR key < ?5) AND (?6 IS NULL OR key > ?6)
               ORDER BY key LIMIT ?7";
    let rows = sqlx::query_scalar(sql)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(integer(page.now_ms))
        .bind(page.prefix.as_bytes())
        .bind(end_of(page.prefix))
        .bind(page.after.map(str::as_bytes))
        .bind(integer(page.limit as u64))
        .fetch_all(readers)
        .await?;
    rows.into_iter().map(text).collect()
}

/// Rows that may be removed, oldest first.
pub(crate) async fn to_sweep(
    readers: &SqlitePool,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<StorageRow>, sqlx::Error> {
    let sql = "SELECT tenant, binding, key, version, expires_at_ms, value FROM storage
               WHERE sweep_at_ms <= ? ORDER BY sweep_at_ms LIMIT ?";
    let rows = sqlx::query(sql).bind(integer(now_ms)).bind(limit).fetch_all(readers).await?;
    let row = |row: SqliteRow| {
        let namespace =
            Namespace { tenant: name(&row, "tenant")?, binding: name(&row, "binding")? };
        Ok(StorageRow {
            namespace: Arc::new(namespace),
            key: text(row.try_get("key")?)?.into(),
            stored: stored(&row)?,
            sweep_at_ms: None,
        })
    };
    rows.into_iter().map(row).collect()
}

fn stored(row: &SqliteRow) -> Result<Stored, sqlx::Error> {
    let version: i64 = row.try_get("version")?;
    let expires_at_ms: Option<i64> = row.try_get("expires_at_ms")?;
    Ok(Stored {
        version: version.cast_unsigned(),
        value: row.try_get("value")?,
        expires_at_ms: expires_at_ms.map(i64::cast_unsigned),
    })
}

fn text(bytes: Vec<u8>) -> Result<String, sqlx::Error> {
    String::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The first bytes after everything that starts with a prefix. UTF-8 has no byte 255, so the last
/// byte can always grow.
fn end_of(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
