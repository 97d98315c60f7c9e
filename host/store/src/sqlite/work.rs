//! Executions whose tool a host may run.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use writ_core::{BoundTool, Tenant};

use crate::row::{Work, WorkRow};
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
            "INSERT INTO work (tenant, execution, tool, digest, at_ms, since_ms) VALUES",
            "(?,?,?,?,?,?)",
            " ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, since_ms = excluded.since_ms",
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
        let (mut wanted, mut done) = (Vec::new(), Vec::new());
        for WorkRow { tenant, execution, work } in rows {
            match work {
                Some(work) => wanted.push((tenant, execution, work)),
                None => done.push((tenant, execution)),
            }
        }
        let bind_wanted = |arguments: &mut SqliteArguments, row: (Tenant, String, Work)| {
            let (tenant, execution, Work { tool, at_ms, since_ms }) = row;
            let (tool, digest) = (tool.name.to_string(), tool.digest.to_string());
            let (at, since) = (integer(at_ms), integer(since_ms));
            bind!(arguments, tenant.as_str(), execution, tool, digest, at, since)
        };
        self.upsert.execute(connection, wanted, bind_wanted).await?;
        let bind_done = |arguments: &mut SqliteArguments, row: (Tenant, String)| {
            bind!(arguments, row.0.as_str(), row.1)
        };
        self.remove.execute(connection, done, bind_done).await
    }
}

pub(super) const DUE: &str = "SELECT tenant, execution, at_ms FROM work
    WHERE tool = ?1 AND digest = ?2 AND at_ms <= ?3 ORDER BY at_ms LIMIT ?4";
/// In two halves, so that what the tool itself is to do is not looked at.
pub(super) const CHANGED: &str = "SELECT tenant, execution, at_ms FROM work
        WHERE tool = ?1 AND digest < ?2 AND at_ms <= ?3 AND since_ms <= ?3
    UNION ALL SELECT tenant, execution, at_ms FROM work
        WHERE tool = ?1 AND digest > ?2 AND at_ms <= ?3 AND since_ms <= ?3
    LIMIT ?4";

/// Executions that a query finds for each of some tools, longest ago first.
pub(crate) async fn of_tools(
    readers: &SqlitePool,
    sql: &'static str,
    tools: &[BoundTool],
    at_ms: u64,
    limit: u32,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let mut found = Vec::new();
    for tool in tools {
        let (name, digest) = (tool.name.as_str(), tool.digest.to_string());
        let query = sqlx::query(sql).bind(name).bind(digest).bind(integer(at_ms)).bind(limit);
        found.extend(query.fetch_all(readers).await?);
    }
    let row = |row: &sqlx::sqlite::SqliteRow| {
        let execution: String = row.try_get("execution")?;
        Ok((row.try_get::<i64, _>("at_ms")?, execution, name(row, "tenant")?))
    };
    let mut found = found.iter().map(row).collect::<Result<Vec<_>, sqlx::Error>>()?;
    found.sort();
    found.truncate(limit as usize);
    Ok(found.into_iter().map(|(_, execution, tenant)| (tenant, execution)).collect())
}
