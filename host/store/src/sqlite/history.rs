//! What approvals were about: only what finds them; an approval itself is in its execution's row.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Approval;
use writ_core::ports::{About, Window};

use crate::error::Failure;
use crate::row::HistoryRow;
use crate::sqlite::rows::{RowsStatement, bind, integer};

/// Writes what approvals are about.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        Self(RowsStatement::new(
            "INSERT INTO approval_history (tenant, subject_type, subject_id, action, resource_type,
                resource_id, opened_at_ms, approval, execution) VALUES",
            "(?,?,?,?,?,?,?,?,?)",
            " ON CONFLICT DO NOTHING",
        ))
    }

    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<HistoryRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: HistoryRow| {
            let About { tenant, subject, action, resource } = row.about;
            bind!(
                arguments,
                tenant.as_str(),
                subject.0,
                subject.1,
                action,
                resource.0,
                resource.1,
                integer(row.opened_at_ms),
                row.approval,
                row.execution,
            )
        };
        self.0.execute(connection, rows, bind_row).await
    }
}

/// Takes each approval out of its execution's body where it is: a body holds a whole request, and
/// there may be as many of them as approvals.
pub(super) const RECENT: &str = "SELECT approval, (
        SELECT asked.value FROM executions, json_each(executions.body, '$.approvals') AS asked
        WHERE executions.tenant = ?1 AND executions.id = approval_history.execution
            AND asked.value ->> '$.id' = approval_history.approval
    ) AS body FROM approval_history
    WHERE tenant = ?1 AND subject_type = ?2 AND subject_id = ?3 AND action = ?4
        AND resource_type = ?5 AND resource_id = ?6 AND opened_at_ms >= ?7
    ORDER BY opened_at_ms DESC, approval DESC LIMIT ?8";

/// Approvals about the same, newest first.
pub(crate) async fn recent(
    readers: &SqlitePool,
    about: &About,
    window: Window,
) -> Result<Vec<Approval>, Failure> {
    let rows = sqlx::query(RECENT)
        .bind(about.tenant.as_str())
        .bind(&about.subject.0)
        .bind(&about.subject.1)
        .bind(&about.action)
        .bind(&about.resource.0)
        .bind(&about.resource.1)
        .bind(integer(window.since_ms))
        .bind(integer(window.limit as u64))
        .fetch_all(readers)
        .await?;
    rows.iter().map(approval).collect()
}

fn approval(row: &SqliteRow) -> Result<Approval, Failure> {
    let id: &str = row.try_get("approval")?;
    let damaged =
        |reason: String| Failure::damaged(format!("approval `{id}` does not read back: {reason}"));
    let body: Option<&str> = row.try_get("body")?;
    let body = body.ok_or_else(|| damaged("its execution does not have it".into()))?;
    serde_json::from_str(body).map_err(|reason| damaged(reason.to_string()))
}
