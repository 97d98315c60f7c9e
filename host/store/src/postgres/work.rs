//! Executions whose tool a host may run.
//!
//! Every host may see the same work: whoever claims an execution first runs it, and its version
//! refuses the others.

use sqlx::postgres::PgConnection;
use writ_core::Tenant;

use super::rows::{integer, name, text};
use super::text::kept;
use crate::row::WorkRow;

const UPSERT: &str = "INSERT INTO work (tenant, execution, at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (tenant, execution) DO UPDATE SET at_ms = excluded.at_ms";
const REMOVE: &str = "DELETE FROM work WHERE tenant = $1 AND execution = $2";
const DUE: &str =
    "SELECT tenant, execution FROM work WHERE at_ms <= $1 ORDER BY at_ms, execution LIMIT $2";

/// Adds or removes work.
pub(super) async fn keep(connection: &mut PgConnection, row: &WorkRow) -> Result<(), sqlx::Error> {
    let query = sqlx::query(if row.at_ms.is_some() { UPSERT } else { REMOVE });
    let query = query.bind(row.tenant.as_str()).bind(kept(&row.execution));
    let query = row.at_ms.into_iter().fold(query, |query, at_ms| query.bind(integer(at_ms)));
    query.execute(connection).await.map(drop)
}

/// Executions whose tool may run now, longest ago first.
pub(super) async fn due(
    connection: &mut PgConnection,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let query = sqlx::query(DUE).bind(integer(now_ms)).bind(i64::from(limit));
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((name(row, "tenant")?, text(row, "execution")?))).collect()
}
