//! What policies stored: one row a key, and one a deleted key for as long as its version matters.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::ledger::Stored;
use writ_core::ports::{Namespace, Page};

use super::rows::{column, decode, integer, name, number, time};
use crate::row::StorageRow;

const SOME: &str = "SELECT key, version, expires_at_ms, value FROM storage
    WHERE tenant = $1 AND binding = $2 AND key = ANY($3)";
const LIST: &str = "SELECT key FROM storage
    WHERE tenant = $1 AND binding = $2 AND value IS NOT NULL
        AND (expires_at_ms IS NULL OR expires_at_ms > $3)
        AND key >= $4 AND ($5::bytea IS NULL OR key < $5) AND ($6::bytea IS NULL OR key > $6)
    ORDER BY key LIMIT $7";
const UPSERT: &str = "INSERT INTO storage (tenant, binding, key, version, expires_at_ms,
        sweep_at_ms, value)
    SELECT $1, $2, * FROM
        UNNEST($3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
    ON CONFLICT (tenant, binding, key) DO UPDATE SET version = excluded.version,
        expires_at_ms = excluded.expires_at_ms, sweep_at_ms = excluded.sweep_at_ms,
        value = excluded.value";
const TO_SWEEP: &str = "SELECT DISTINCT tenant, binding FROM (
        SELECT tenant, binding FROM storage
        WHERE sweep_at_ms <= $1 ORDER BY sweep_at_ms LIMIT $2
    ) AS oldest ORDER BY tenant, binding";
const SWEEP: &str = "DELETE FROM storage WHERE tenant = $1 AND binding = $2 AND key IN (
        SELECT key FROM storage
        WHERE tenant = $1 AND binding = $2 AND sweep_at_ms <= $3 ORDER BY sweep_at_ms LIMIT $4)
    RETURNING key, version, expires_at_ms, value";

/// Some keys of a namespace; one that never was is not among them.
pub(super) async fn some<'a>(
    connection: &mut PgConnection,
    namespace: &Namespace,
    keys: impl Iterator<Item = &'a str>,
) -> Result<HashMap<Arc<str>, Stored>, sqlx::Error> {
    let keys: Vec<_> = keys.map(str::as_bytes).collect();
    let rows = sqlx::query(SOME)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(keys)
        .fetch_all(connection)
        .await?;
    rows.iter().map(stored).collect()
}

/// A page of keys.
pub(super) async fn list(
    connection: &mut PgConnection,
    namespace: &Namespace,
    page: Page<'_>,
) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query_scalar(LIST)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(integer(page.now_ms))
        .bind(page.prefix.as_bytes())
        .bind(end_of(page.prefix))
        .bind(page.after.map(str::as_bytes))
        .bind(integer(page.limit as u64))
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(key).collect()
}

/// Writes keys of a namespace, each once.
pub(super) async fn keep(
    connection: &mut PgConnection,
    namespace: &Namespace,
    rows: &[StorageRow],
) -> Result<(), sqlx::Error> {
    sqlx::query(UPSERT)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(column(rows, |row| row.key.as_bytes()))
        .bind(column(rows, |row| integer(row.stored.version)))
        .bind(column(rows, |row| row.stored.expires_at_ms.map(integer)))
        .bind(column(rows, |row| row.sweep_at_ms.map(integer)))
        .bind(column(rows, |row| row.stored.value.as_deref()))
        .execute(connection)
        .await?;
    Ok(())
}

/// In which namespaces are the rows that may be removed, of those the oldest.
pub(super) async fn to_sweep(
    connection: &mut PgConnection,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<Namespace>, sqlx::Error> {
    let query = sqlx::query(TO_SWEEP).bind(integer(now_ms)).bind(i64::from(limit));
    let rows = query.fetch_all(connection).await?;
    let namespace = |row: &PgRow| {
        Ok(Namespace { tenant: name(row, "tenant")?, binding: name(row, "binding")? })
    };
    rows.iter().map(namespace).collect()
}

/// Removes rows of a namespace that may be removed, and returns what they held.
pub(super) async fn sweep(
    connection: &mut PgConnection,
    namespace: &Namespace,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<(Arc<str>, Stored)>, sqlx::Error> {
    let rows = sqlx::query(SWEEP)
        .bind(namespace.tenant.as_str())
        .bind(namespace.binding.as_str())
        .bind(integer(now_ms))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(stored).collect()
}

fn stored(row: &PgRow) -> Result<(Arc<str>, Stored), sqlx::Error> {
    let stored = Stored {
        version: number(row, "version")?,
        value: row.try_get("value")?,
        expires_at_ms: time(row, "expires_at_ms")?,
    };
    Ok((key(row.try_get("key")?)?.into(), stored))
}

fn key(bytes: Vec<u8>) -> Result<String, sqlx::Error> {
    String::from_utf8(bytes).map_err(decode)
}

/// The first bytes after everything that starts with a prefix. UTF-8 has no byte 255, so the last
/// byte can always grow.
fn end_of(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut()? += 1;
    Some(end)
}
