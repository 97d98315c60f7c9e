//! Executions whose tool a host may run.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use writ_core::Tenant;

use crate::row::WorkRow;
use crate::sqlite::rows::{RowsStatement, bind, integer, name};

/// Adds and removes work.
#[derive(Debug)]
pub(crate) struct Apply {
    upsert: RowsStatement,
    remove: RowsStatement,
}

impl Apply {
    pub(crate) fn new() -> Self {
        let upsert = RowsStatement::new(
            "INSERT INTO work (tenant, execution, at_ms) VALUES",
            "(?,?,?)",
            " ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
        );
        let remove = RowsStatement::new(
            "DELETE FROM work WHERE (tenant, execution) IN (VALUES",
            "(?,?)",
            ")",
        );
        Self { upsert, remove }
    }

    /// No execution may be there twice.
    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<WorkRow>,
    ) -> Result<(), sqlx::Error> {
        let (wanted, done): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.at_ms.is_some());
        let bind_wanted = |arguments: &mut SqliteArguments, row: WorkRow| {
            bind!(arguments, row.tenant.as_str(), row.execution, row.at_ms.map(integer))
        };
        self.upsert.execute(connection, wanted, bind_wanted).await?;
        let bind_done = |arguments: &mut SqliteArguments, row: WorkRow| {
            bind!(arguments, row.tenant.as_str(), row.execution)
        };
        self.remove.execute(connection, done, bind_done).await
    }
}

pub(super) const DUE: &str =
    "SELECT tenant, execution FROM work WHERE at_ms <= ?1 ORDER BY at_ms LIMIT ?2";

/// Executions whose tool may run now, longest ago first.
pub(crate) async fn due(
    readers: &SqlitePool,
    now_ms: u64,
    limit: u32,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let rows = sqlx::query(DUE).bind(integer(now_ms)).bind(limit).fetch_all(readers).await?;
    rows.iter().map(|row| Ok((name(row, "tenant")?, row.try_get("execution")?))).collect()
}
