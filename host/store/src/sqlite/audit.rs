//! Events and executions as they are kept, whatever somebody may have made of them.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use writ_core::{ChainedEvent, Tenant};

use crate::sqlite::executions::ExecutionRow;
use crate::sqlite::rows::{digest, integer, number};

/// An event's row.
#[derive(Debug)]
pub(crate) struct KeptEvent {
    pub(crate) sequence: u64,
    pub(crate) body: String,
    /// None where the row holds no event.
    pub(crate) event: Option<ChainedEvent>,
    tenant: Tenant,
    execution: String,
    at_ms: u64,
}

/// An execution's row, and the last event that tells of it.
#[derive(Debug)]
pub(crate) struct KeptExecution {
    pub(crate) row: ExecutionRow,
    pub(crate) told: Option<ChainedEvent>,
}

impl KeptEvent {
    /// Whether everything in the row but its place is what the event gives.
    pub(crate) fn is_written_as(&self, event: &ChainedEvent) -> bool {
        let ChainedEvent { tenant, execution, at_ms, .. } = event;
        event.canonical() == self.body
            && (tenant, execution, at_ms) == (&self.tenant, &self.execution, &self.at_ms)
    }
}

pub(super) const EVENTS: &str = "SELECT sequence, execution, at_ms, body, hash FROM events
    WHERE tenant = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
pub(super) const REMOVED: &str = "SELECT execution, sequence FROM events
    WHERE tenant = ?1 AND NOT EXISTS (SELECT 1 FROM executions
        WHERE executions.tenant = ?1 AND executions.id = events.execution)
    ORDER BY sequence LIMIT 1";
pub(super) const EXECUTIONS: &str = "SELECT executions.id, status, requester, version, due_at_ms,
        executions.body AS body, told.body AS told, told.hash AS hash
    FROM executions LEFT JOIN events AS told ON told.tenant = ?1 AND told.sequence = (
        SELECT max(sequence) FROM events WHERE tenant = ?1 AND execution = executions.id)
    WHERE executions.tenant = ?1 AND executions.id > ?2 ORDER BY executions.id LIMIT ?3";

/// A tenant's events in the order of their places, those after one.
pub(crate) async fn events(
    view: &mut SqliteConnection,
    tenant: &Tenant,
    after: u64,
    limit: u32,
) -> Result<Vec<KeptEvent>, sqlx::Error> {
    let query = sqlx::query(EVENTS).bind(tenant.as_str()).bind(integer(after)).bind(limit);
    let kept = |row: SqliteRow| {
        let body = text(&row, "body")?;
        Ok(KeptEvent {
            sequence: number(&row, "sequence")?,
            event: event(&row, &body),
            tenant: tenant.clone(),
            execution: text(&row, "execution")?,
            at_ms: number(&row, "at_ms")?,
            body,
        })
    };
    query.fetch_all(view).await?.into_iter().map(kept).collect()
}

/// The first event of an execution that is not there, with the execution's id.
pub(crate) async fn removed(
    view: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Option<(String, u64)>, sqlx::Error> {
    let row = sqlx::query(REMOVED).bind(tenant.as_str()).fetch_optional(view).await?;
    row.map(|row| Ok((row.try_get("execution")?, number(&row, "sequence")?))).transpose()
}

/// A tenant's executions in the order of their ids, those after one.
pub(crate) async fn executions(
    view: &mut SqliteConnection,
    tenant: &Tenant,
    after: &str,
    limit: u32,
) -> Result<Vec<KeptExecution>, sqlx::Error> {
    let query = sqlx::query(EXECUTIONS).bind(tenant.as_str()).bind(after).bind(limit);
    let kept = |row: SqliteRow| {
        let due_at_ms: Option<i64> = row.try_get("due_at_ms")?;
        let told: Option<&[u8]> = row.try_get_unchecked("told")?;
        let told = told.and_then(|body| event(&row, &String::from_utf8_lossy(body)));
        let row = ExecutionRow {
            tenant: tenant.clone(),
            id: text(&row, "id")?,
            status: text(&row, "status")?.into(),
            requester: text(&row, "requester")?,
            version: number(&row, "version")?,
            due_at_ms: due_at_ms.map(i64::cast_unsigned),
            body: text(&row, "body")?,
        };
        Ok(KeptExecution { row, told })
    };
    query.fetch_all(view).await?.into_iter().map(kept).collect()
}

/// A text that somebody may have made none: then it is not what was written.
fn text(row: &SqliteRow, column: &str) -> Result<String, sqlx::Error> {
    let bytes: &[u8] = row.try_get_unchecked(column)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn event(row: &SqliteRow, body: &str) -> Option<ChainedEvent> {
    ChainedEvent::parse(body, digest(row, "hash").ok()?).ok()
}
