//! What running tools were answered: one row a host call.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::journal::Entry;

use super::rows::{integer, number};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::row::JournalRow;
use crate::sealing::Opener;

const INSERT: &str = "INSERT INTO journal (tenant, execution, number, body)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])";
const ALL: &str =
    "SELECT number, body FROM journal WHERE tenant = $1 AND execution = $2 ORDER BY number";

/// Appends entries. None may be there already.
pub(super) async fn insert(
    connection: &mut PgConnection,
    rows: &[JournalRow],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let tenants: Vec<_> = rows.iter().map(|row| row.tenant.as_str()).collect();
    let executions: Vec<_> = rows.iter().map(|row| kept(&row.execution)).collect();
    let numbers: Vec<_> = rows.iter().map(|row| integer(row.number)).collect();
    let bodies: Vec<_> = rows.iter().map(|row| row.body.as_str()).collect();
    let query = sqlx::query(INSERT).bind(tenants).bind(executions).bind(numbers).bind(bodies);
    query.execute(connection).await.map(drop)
}

/// All entries of an execution, in order.
pub(super) async fn all(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    execution: &str,
) -> Result<Vec<Entry>, StoreError> {
    let query = sqlx::query(ALL).bind(opener.tenant.as_str()).bind(kept(execution));
    let rows = query.fetch_all(connection).await.map_err(Failure::from)?;
    let entry = |row: &PgRow| {
        let at = number(row, "number").map_err(Failure::from)?;
        let body: &str = row.try_get("body").map_err(Failure::from)?;
        JournalRow::entry(opener, execution, at, body)
    };
    rows.iter().map(entry).collect()
}
