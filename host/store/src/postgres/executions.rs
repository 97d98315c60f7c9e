//! Executions: one row each, as it stands now.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::{Execution, Tenant};

use super::rows::{integer, number, text};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::execution::ExecutionFilter;
use crate::page::{Filling, Page};
use crate::points;
use crate::row::ExecutionRow;
use crate::sealing::Opener;

const INSERT: &str =
    "INSERT INTO executions (tenant, id, status, requester, version, due_at_ms, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
/// Whoever looked at what was due has nothing to look at any more.
const UPDATE: &str = "UPDATE executions SET status = $3, requester = $4, version = $5,
        due_at_ms = $6, body = $7, leased_by = NULL, leased_until = NULL
    WHERE tenant = $1 AND id = $2 AND version = $8";
const HOLD: &str = "SELECT id, body FROM executions WHERE tenant = $1 AND id = $2 FOR UPDATE";
const STAYS: &str =
    "SELECT id FROM executions WHERE tenant = $1 AND id = $2 AND version = $3 FOR SHARE";

const COUNT_OF_STATUS: &str =
    "SELECT count(*) AS count FROM executions WHERE tenant = $1 AND status = $2";
const ONE: &str = "SELECT id, body FROM executions WHERE tenant = $1 AND id = $2";
const PAGE: &str = "SELECT id, body FROM executions
    WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const PAGE_OF_STATUS: &str = "SELECT id, body FROM executions
    WHERE tenant = $1 AND id < $2 AND status = $4 ORDER BY id DESC LIMIT $3";
const PAGE_OF_REQUESTER: &str = "SELECT id, body FROM executions
    WHERE tenant = $1 AND id < $2 AND requester = $4 ORDER BY id DESC LIMIT $3";
const PAGE_OF_REQUESTER_AND_STATUS: &str = "SELECT id, body FROM executions
    WHERE tenant = $1 AND id < $2 AND requester = $4 AND status = $5 ORDER BY id DESC LIMIT $3";

/// Keeps an execution in place of its version `follows`; as a new one where there is none. Returns
/// whether it was at that version.
pub(super) async fn keep(
    connection: &mut PgConnection,
    row: &ExecutionRow,
    follows: Option<u64>,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(if follows.is_some() { UPDATE } else { INSERT })
        .bind(row.tenant.as_str())
        .bind(kept(&row.id))
        .bind(row.status.as_ref())
        .bind(kept(&row.requester))
        .bind(integer(row.version))
        .bind(row.due_at_ms.map(integer))
        .bind(&row.body);
    let query = follows.into_iter().fold(query, |query, version| query.bind(integer(version)));
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// How many executions of a tenant have a status.
pub(super) async fn count_of_status(
    connection: &mut PgConnection,
    tenant: &Tenant,
    status: &str,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(COUNT_OF_STATUS).bind(tenant.as_str()).bind(status);
    number(&query.fetch_one(connection).await?, "count")
}

/// Whether an execution is there at a version. It stays so until the transaction ends.
pub(super) async fn stays(
    connection: &mut PgConnection,
    tenant: &Tenant,
    id: &str,
    version: u64,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(STAYS).bind(tenant.as_str()).bind(kept(id)).bind(integer(version));
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// One execution of a tenant, held until the transaction ends.
pub(super) async fn hold(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<Execution>, StoreError> {
    let held = fetch(connection, HOLD, opener, id).await?;
    points::pass("postgres.execution.held");
    Ok(held)
}

/// One execution of a tenant.
pub(super) async fn one(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<Execution>, StoreError> {
    fetch(connection, ONE, opener, id).await
}

/// The execution that two parameters lead to: a tenant, and the id of something.
pub(super) async fn fetch(
    connection: &mut PgConnection,
    sql: &'static str,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<Execution>, StoreError> {
    let row = row(connection, sql, opener.tenant, id).await.map_err(Failure::from)?;
    row.as_ref().map(|row| execution(opener, row)).transpose()
}

/// The row that two parameters lead to: a tenant, and the id of something.
pub(super) async fn row(
    connection: &mut PgConnection,
    sql: &'static str,
    tenant: &Tenant,
    id: &str,
) -> Result<Option<PgRow>, sqlx::Error> {
    sqlx::query(sql).bind(tenant.as_str()).bind(kept(id)).fetch_optional(connection).await
}

/// A tenant's executions, newest first, those before an id.
pub(super) async fn page(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    filter: &ExecutionFilter,
    before: &str,
    limit: u32,
) -> Result<Page<Execution>, StoreError> {
    let requester = filter.requester.as_ref().map(|requester| requester.folded());
    let (sql, values) = match (requester, filter.status.as_deref()) {
        (None, None) => (PAGE, vec![]),
        (None, Some(status)) => (PAGE_OF_STATUS, vec![status]),
        (Some(requester), None) => (PAGE_OF_REQUESTER, vec![requester]),
        (Some(requester), Some(status)) => (PAGE_OF_REQUESTER_AND_STATUS, vec![requester, status]),
    };
    let query = sqlx::query(sql).bind(opener.tenant.as_str());
    let query = query.bind(kept(before)).bind(i64::from(limit));
    let query = values.into_iter().fold(query, |query, value| query.bind(kept(value)));
    let (mut rows, mut page) = (query.fetch(connection), Filling::new(limit));
    while !page.is_full()
        && let Some(row) = rows.try_next().await.map_err(Failure::from)?
    {
        let (execution, bytes) = sized(opener, &row)?;
        page.add(execution, bytes);
    }
    Ok(page.finish())
}

/// The same as [`execution`], and how large it is as it is kept.
pub(super) fn sized(opener: Opener<'_>, row: &PgRow) -> Result<(Execution, usize), StoreError> {
    let body: &str = row.try_get("body").map_err(Failure::from)?;
    Ok((execution(opener, row)?, body.len()))
}

/// The execution that a row's `body` holds.
pub(super) fn execution(opener: Opener<'_>, row: &PgRow) -> Result<Execution, StoreError> {
    let id = text(row, "id").map_err(Failure::from)?;
    ExecutionRow::read(opener, &id, row.try_get("body").map_err(Failure::from)?)
}
