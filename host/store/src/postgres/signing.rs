//! Keys that sign for a tenant: one row a key.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;

use super::rows::{integer, number, time};
use crate::row::SigningRow;

/// The index of those in use refuses a second one, also one that another host is about to keep: it
/// waits for that host.
const KEEP: &str = "INSERT INTO signing_keys (tenant, kid, created_ms, secret)
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
/// Whoever rotates comes one after the other; readers need not wait.
const HOLD: &str = "LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE";
const RETIRE: &str =
    "UPDATE signing_keys SET retired_ms = $2 WHERE tenant = $1 AND retired_ms IS NULL";
const FORGET: &str = "DELETE FROM signing_keys WHERE tenant = $1 AND retired_ms < $2";
const ALL: &str = "SELECT kid, created_ms, secret, retired_ms FROM signing_keys
    WHERE tenant = $1 ORDER BY created_ms, kid";

/// Keeps a key where none is in use.
pub(super) async fn keep(
    connection: &mut PgConnection,
    key: &SigningRow,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(KEEP).bind(key.tenant.as_str()).bind(&key.kid);
    query.bind(integer(key.created_ms)).bind(&key.secret).execute(connection).await.map(drop)
}

/// Keeps a key in place of the one in use, and forgets those that were retired before a time.
pub(super) async fn rotate(
    connection: &mut PgConnection,
    key: &SigningRow,
    forget_before_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(HOLD).execute(&mut *connection).await?;
    for (sql, at_ms) in [(RETIRE, key.created_ms), (FORGET, forget_before_ms)] {
        let query = sqlx::query(sql).bind(key.tenant.as_str()).bind(integer(at_ms));
        query.execute(&mut *connection).await?;
    }
    keep(connection, key).await
}

/// Every key of a tenant, oldest first.
pub(super) async fn all(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Vec<SigningRow>, sqlx::Error> {
    let rows = sqlx::query(ALL).bind(tenant.as_str()).fetch_all(connection).await?;
    let row = |row: &PgRow| {
        Ok(SigningRow {
            tenant: tenant.clone(),
            kid: row.try_get("kid")?,
            created_ms: number(row, "created_ms")?,
            secret: row.try_get("secret")?,
            retired_ms: time(row, "retired_ms")?,
        })
    };
    rows.iter().map(row).collect()
}
