//! What transitions call for at other executions.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::rows::{column, integer, name, text};
use super::text::{self, kept};
use crate::error::{Failure, StoreError};
use crate::execution::DueErrand;
use crate::row::{self, ErrandRow, WorkerNote};

const INSERT: &str = "INSERT INTO errands (tenant, id, kind, caller, call, at_ms)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])";
const DONE: &str = "DELETE FROM errands WHERE tenant = $1 AND id = $2";
const LATER: &str = "UPDATE errands SET at_ms = $3 WHERE tenant = $1 AND id = $2";
const REST: &str =
    "UPDATE work SET at_ms = greatest(at_ms, $3) WHERE tenant = $1 AND execution = $2";
const DUE: &str = "SELECT tenant, id, kind, caller, call FROM errands
    WHERE at_ms <= $1 ORDER BY at_ms, id LIMIT $2";

/// Adds errands. None may be there already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    rows: &[ErrandRow],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(INSERT)
        .bind(column(rows, |row| row.tenant.as_str()))
        .bind(column(rows, |row| kept(&row.id)))
        .bind(column(rows, |row| row.columns().kind))
        .bind(column(rows, |row| kept(row.columns().caller)))
        .bind(column(rows, |row| row.columns().call.map(|call| kept(call))))
        .bind(column(rows, |row| integer(row.at_ms)));
    query.execute(connection).await.map(drop)
}

/// Takes note of what a worker has done.
pub(super) async fn note(
    connection: &mut PgConnection,
    note: &WorkerNote,
) -> Result<(), sqlx::Error> {
    let tenant = note.tenant().as_str();
    let query = match note {
        WorkerNote::Done { errand, .. } => sqlx::query(DONE).bind(tenant).bind(kept(errand)),
        WorkerNote::Later { errand, at_ms, .. } => {
            sqlx::query(LATER).bind(tenant).bind(kept(errand)).bind(integer(*at_ms))
        }
        WorkerNote::Rest { execution, at_ms, .. } => {
            sqlx::query(REST).bind(tenant).bind(kept(execution)).bind(integer(*at_ms))
        }
    };
    query.execute(connection).await.map(drop)
}

/// What may be done now, longest ago first.
pub(super) async fn due(
    connection: &mut PgConnection,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<DueErrand>, StoreError> {
    let query = sqlx::query(DUE).bind(integer(now_ms)).bind(i64::from(limit));
    let rows = query.fetch_all(connection).await.map_err(Failure::from)?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<DueErrand, StoreError> {
    let (id, kind) = (text(row, "id"), text(row, "kind"));
    let (id, kind) = (id.map_err(Failure::from)?, kind.map_err(Failure::from)?);
    let call: Option<String> = row.try_get("call").map_err(Failure::from)?;
    let caller = text(row, "caller").map_err(Failure::from)?;
    let errand = row::errand(&kind, caller, call.map(text::read));
    let damaged = || StoreError::Damaged { what: "errand", id: id.clone(), reason: kind.clone() };
    let errand = errand.ok_or_else(damaged)?;
    Ok(DueErrand { tenant: name(row, "tenant").map_err(Failure::from)?, id, errand })
}
