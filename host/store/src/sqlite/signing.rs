//! Keys that sign for a tenant: one row a key.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Tenant;

use crate::row::SigningRow;
use crate::sqlite::rows::{integer, number};

/// The index of those in use refuses a second one.
const KEEP: &str = "INSERT INTO signing_keys (tenant, kid, created_ms, secret)
    VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
const RETIRE: &str =
    "UPDATE signing_keys SET retired_ms = ?2 WHERE tenant = ?1 AND retired_ms IS NULL";
const FORGET: &str = "DELETE FROM signing_keys WHERE tenant = ?1 AND retired_ms < ?2";
const ALL: &str = "SELECT kid, created_ms, secret, retired_ms FROM signing_keys
    WHERE tenant = ? ORDER BY created_ms, kid";

/// Keeps a key where none is in use.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    key: &SigningRow,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(KEEP).bind(key.tenant.as_str()).bind(&key.kid);
    query.bind(integer(key.created_ms)).bind(&key.secret).execute(connection).await.map(drop)
}

/// Keeps a key in place of the one in use, and forgets those that were retired before a time.
pub(crate) async fn rotate(
    connection: &mut SqliteConnection,
    key: &SigningRow,
    forget_before_ms: u64,
) -> Result<(), sqlx::Error> {
    for (sql, at_ms) in [(RETIRE, key.created_ms), (FORGET, forget_before_ms)] {
        let query = sqlx::query(sql).bind(key.tenant.as_str()).bind(integer(at_ms));
        query.execute(&mut *connection).await?;
    }
    keep(connection, key).await
}

/// Every key of a tenant, as far as it is durable, oldest first.
pub(crate) async fn all(
    readers: &SqlitePool,
    tenant: &Tenant,
) -> Result<Vec<SigningRow>, sqlx::Error> {
    let rows = sqlx::query(ALL).bind(tenant.as_str()).fetch_all(readers).await?;
    let row = |row: &SqliteRow| {
        let retired_ms: Option<i64> = row.try_get("retired_ms")?;
        Ok(SigningRow {
            tenant: tenant.clone(),
            kid: row.try_get("kid")?,
            created_ms: number(row, "created_ms")?,
            secret: row.try_get("secret")?,
            retired_ms: retired_ms.map(i64::cast_unsigned),
        })
    };
    rows.iter().map(row).collect()
}
