//! What approvals were about: only what finds them; an approval itself is in its execution's row.

use std::collections::{BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Approval;
use writ_core::ports::{About, Window};

use crate::error::Failure;
use crate::row::{HistoryRow, approvals_in};
use crate::sealing::Opener;
use crate::sqlite::executions;
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

pub(super) const RECENT: &str = "SELECT approval, execution FROM approval_history
    WHERE tenant = ?1 AND subject_type = ?2 AND subject_id = ?3 AND action = ?4
        AND resource_type = ?5 AND resource_id = ?6 AND opened_at_ms >= ?7
    ORDER BY opened_at_ms DESC, approval DESC LIMIT ?8";

/// Approvals about the same, newest first.
pub(crate) async fn recent(
    readers: &SqlitePool,
    opener: Opener<'_>,
    about: &About,
    window: Window,
) -> Result<Vec<Approval>, Failure> {
    // One view of it all: what is listed is also what is loaded.
    let mut view = readers.begin().await?;
    let rows = sqlx::query(RECENT)
        .bind(about.tenant.as_str())
        .bind(&about.subject.0)
        .bind(&about.subject.1)
        .bind(&about.action)
        .bind(&about.resource.0)
        .bind(&about.resource.1)
        .bind(integer(window.since_ms))
        .bind(integer(window.limit as u64))
        .fetch_all(&mut *view)
        .await?;
    let executions: Result<BTreeSet<&str>, _> =
        rows.iter().map(|row| row.try_get("execution")).collect();
    let mut found = HashMap::new();
    // One after the other: each holds a whole request.
    for id in executions? {
        let query = sqlx::query(executions::ONE).bind(about.tenant.as_str()).bind(id);
        let Some(row) = query.fetch_optional(&mut *view).await? else { continue };
        let approvals = approvals_in(opener, id, row.try_get("body")?)?;
        found.extend(approvals.into_iter().map(|approval| (approval.id.clone(), approval)));
    }
    let approval = |row: &SqliteRow| {
        let id: &str = row.try_get("approval")?;
        let missing = || Failure::damaged(format!("approval `{id}` is not with its execution"));
        found.remove(id).ok_or_else(missing)
    };
    rows.iter().map(approval).collect()
}
