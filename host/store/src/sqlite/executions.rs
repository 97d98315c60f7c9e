//! Executions: one row each, as it stands now.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::{Execution, Tenant};

use crate::error::{Failure, StoreError};
use crate::execution::ExecutionFilter;
use crate::page::{Filling, Page};
use crate::row::{END, ExecutionRow};
use crate::sealing::Opener;
use crate::sqlite::rows::{RowsStatement, bind, integer, name, number};
use crate::step::Versions;

/// Looks versions up, and writes executions.
#[derive(Debug)]
pub(crate) struct Apply {
    versions: RowsStatement,
    upsert: RowsStatement,
}

impl Apply {
    pub(crate) fn new() -> Self {
        let versions = RowsStatement::new(
            "SELECT tenant, id, version FROM executions WHERE (tenant, id) IN (VALUES",
            "(?,?)",
            ")",
        );
        let upsert = RowsStatement::new(
            "INSERT INTO executions (tenant, id, status, requester, version, due_at_ms, body)
             VALUES",
            "(?,?,?,?,?,?,?)",
            " ON CONFLICT DO UPDATE SET status = excluded.status, version = excluded.version,
                due_at_ms = excluded.due_at_ms, body = excluded.body",
        );
        Self { versions, upsert }
    }

    /// At which version executions are, of those that are there.
    pub(crate) async fn versions(
        &mut self,
        connection: &mut SqliteConnection,
        of: Vec<(Tenant, String)>,
    ) -> Result<Versions, sqlx::Error> {
        let bind_one = |arguments: &mut SqliteArguments, (tenant, id): (Tenant, String)| {
            bind!(arguments, tenant.as_str(), id)
        };
        let rows = self.versions.fetch(connection, of, bind_one).await?;
        let version = |row: &SqliteRow| {
            Ok(((name(row, "tenant")?, row.try_get("id")?), number(row, "version")?))
        };
        rows.iter().map(version).collect()
    }

    /// No execution may be there twice.
    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<ExecutionRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: ExecutionRow| {
            bind!(
                arguments,
                row.tenant.as_str(),
                row.id,
                row.status.as_ref(),
                row.requester,
                integer(row.version),
                row.due_at_ms.map(integer),
                row.body,
            )
        };
        self.upsert.execute(connection, rows, bind_row).await
    }
}

pub(super) const ONE: &str = "SELECT id, body FROM executions WHERE tenant = ? AND id = ?";
pub(super) const PAGE: &str = "SELECT id, body FROM executions
    WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(super) const PAGE_OF_STATUS: &str = "SELECT id, body FROM executions
    WHERE tenant = ?1 AND id < ?2 AND status = ?4 ORDER BY id DESC LIMIT ?3";
pub(super) const PAGE_OF_REQUESTER: &str = "SELECT id, body FROM executions
    WHERE tenant = ?1 AND id < ?2 AND requester = ?4 ORDER BY id DESC LIMIT ?3";
pub(super) const PAGE_OF_REQUESTER_AND_STATUS: &str = "SELECT id, body FROM executions
    WHERE tenant = ?1 AND id < ?2 AND requester = ?4 AND status = ?5 ORDER BY id DESC LIMIT ?3";
pub(super) const COUNT_OF_STATUS: &str =
    "SELECT count(*) AS count FROM executions WHERE tenant = ? AND status = ?";
pub(super) const DUE: &str = "SELECT tenant, id FROM executions
    WHERE due_at_ms <= ?1 ORDER BY due_at_ms LIMIT ?2";
pub(super) const NEXT_DUE: &str = "SELECT due_at_ms FROM executions
    WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT 1";

/// How many executions of a tenant have a status.
pub(crate) async fn count_of_status(
    readers: &SqlitePool,
    tenant: &Tenant,
    status: &str,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(COUNT_OF_STATUS).bind(tenant.as_str()).bind(status);
    number(&query.fetch_one(readers).await?, "count")
}

/// One execution of a tenant.
pub(crate) async fn one(
    readers: &SqlitePool,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<Execution>, StoreError> {
    let query = sqlx::query(ONE).bind(opener.tenant.as_str()).bind(id);
    let row = query.fetch_optional(readers).await.map_err(Failure::from)?;
    row.as_ref().map(|row| execution(opener, row)).transpose()
}

/// A tenant's executions, newest first, those before an id.
pub(crate) async fn page(
    readers: &SqlitePool,
    opener: Opener<'_>,
    filter: &ExecutionFilter,
    before: Option<&str>,
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
    let query = query.bind(before.unwrap_or(END)).bind(limit);
    let query = values.into_iter().fold(query, |query, value| query.bind(value));
    let (mut rows, mut page) = (query.fetch(readers), Filling::new(limit));
    while !page.is_full()
        && let Some(row) = rows.try_next().await.map_err(Failure::from)?
    {
        let (execution, bytes) = sized(opener, &row)?;
        page.add(execution, bytes);
    }
    Ok(page.finish())
}

/// The same as [`execution`], and how large it is as it is kept.
pub(crate) fn sized(opener: Opener<'_>, row: &SqliteRow) -> Result<(Execution, usize), StoreError> {
    let body: &str = row.try_get("body").map_err(Failure::from)?;
    Ok((execution(opener, row)?, body.len()))
}

/// Executions that time has changed, longest ago first.
pub(crate) async fn due(
    readers: &SqlitePool,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let rows = sqlx::query(DUE).bind(integer(now_ms)).bind(limit).fetch_all(readers).await?;
    rows.iter().map(|row| Ok((name(row, "tenant")?, row.try_get("id")?))).collect()
}

/// When time next changes any execution.
pub(crate) async fn next_due_ms(readers: &SqlitePool) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query(NEXT_DUE).fetch_optional(readers).await?;
    row.as_ref().map(|row| number(row, "due_at_ms")).transpose()
}

/// The execution that a row's `body` holds.
pub(crate) fn execution(opener: Opener<'_>, row: &SqliteRow) -> Result<Execution, StoreError> {
    let id: &str = row.try_get("id").map_err(Failure::from)?;
    ExecutionRow::read(opener, id, row.try_get("body").map_err(Failure::from)?)
}
