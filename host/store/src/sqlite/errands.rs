//! What transitions call for at other executions.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};

use crate::error::{Failure, StoreError};
use crate::execution::DueErrand;
use crate::row::{self, ErrandRow, WorkerNote};
use crate::sqlite::rows::{RowsStatement, bind, integer, name};

/// Adds errands.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        let into = "INSERT INTO errands (tenant, id, kind, caller, call, at_ms) VALUES";
        Self(RowsStatement::new(into, "(?,?,?,?,?,?)", ""))
    }

    /// None may be there already.
    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<ErrandRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: ErrandRow| {
            let columns = row.columns();
            let (caller, call) = (columns.caller.to_owned(), columns.call.map(str::to_owned));
            let (tenant, kind, at_ms) = (row.tenant.as_str(), columns.kind, integer(row.at_ms));
            bind!(arguments, tenant, row.id.clone(), kind, caller, call, at_ms)
        };
        self.0.execute(connection, rows, bind_row).await
    }
}

/// Takes note of what a worker has done.
pub(crate) async fn note(
    connection: &mut SqliteConnection,
    note: WorkerNote,
) -> Result<(), sqlx::Error> {
    let tenant = note.tenant().as_str();
    let query = match &note {
        WorkerNote::Done { errand, .. } => {
            sqlx::query("DELETE FROM errands WHERE tenant = ? AND id = ?").bind(tenant).bind(errand)
        }
        WorkerNote::Later { errand, at_ms, .. } => {
            let query = sqlx::query("UPDATE errands SET at_ms = ? WHERE tenant = ? AND id = ?");
            query.bind(integer(*at_ms)).bind(tenant).bind(errand)
        }
        WorkerNote::Rest { execution, at_ms, .. } => {
            let sql = "UPDATE work SET at_ms = max(at_ms, ?) WHERE tenant = ? AND execution = ?";
            sqlx::query(sql).bind(integer(*at_ms)).bind(tenant).bind(execution)
        }
    };
    query.execute(connection).await.map(drop)
}

pub(super) const DUE: &str = "SELECT tenant, id, kind, caller, call FROM errands
    WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2";

/// What may be done now, longest ago first.
pub(crate) async fn due(
    readers: &SqlitePool,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<DueErrand>, StoreError> {
    let query = sqlx::query(DUE).bind(integer(now_ms)).bind(limit);
    let rows = query.fetch_all(readers).await.map_err(Failure::from)?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<DueErrand, StoreError> {
    let text = |column| row.try_get::<String, _>(column).map_err(Failure::from);
    let (id, kind) = (text("id")?, text("kind")?);
    let call = row.try_get("call").map_err(Failure::from)?;
    let errand = row::errand(&kind, text("caller")?, call);
    let damaged = || StoreError::Damaged { what: "errand", id: id.clone(), reason: kind.clone() };
    let errand = errand.ok_or_else(damaged)?;
    Ok(DueErrand { tenant: name(row, "tenant").map_err(Failure::from)?, id, errand })
}
