//! Events and executions as they are kept, whatever somebody may have made of them.

use sqlx::sqlite::{Sqlite, SqlitePool, SqliteRow};
use sqlx::{Row as _, Transaction};
use writ_core::chain::{Anchor, Head};
use writ_core::{ChainedEvent, Tenant};

use crate::retention::{Holder, ToldOf};
use crate::row::{ExecutionRow, KeptBatch, KeptEvent, KeptExecution};
use crate::sqlite::rows::{digest, integer, number};
use crate::sqlite::{batches, retention, strands};
use crate::strand::KeptStrand;
use crate::verify::Evidence;

pub(super) const EVENTS: &str = "SELECT sequence, execution, at_ms, body, hash FROM events
    WHERE tenant = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
pub(super) const REMOVED: &str = "SELECT execution, sequence FROM events
    WHERE tenant = ?1 AND execution <> '' AND NOT EXISTS (SELECT 1 FROM executions
        WHERE executions.tenant = ?1 AND executions.id = events.execution)
    ORDER BY sequence LIMIT 1";
pub(super) const EXECUTIONS: &str = "SELECT executions.id, status, requester, version, due_at_ms,
        executions.body AS body, told.body AS told, told.hash AS hash
    FROM executions LEFT JOIN events AS told ON told.tenant = ?1 AND told.sequence = (
        SELECT max(sequence) FROM events WHERE tenant = ?1 AND execution = executions.id)
    WHERE executions.tenant = ?1 AND executions.id > ?2 ORDER BY executions.id LIMIT ?3";

/// All that is kept of a tenant, as it was when the view was opened.
pub(crate) struct View {
    tenant: Tenant,
    transaction: Transaction<'static, Sqlite>,
}

impl View {
    pub(crate) async fn open(readers: &SqlitePool, tenant: &Tenant) -> Result<Self, sqlx::Error> {
        Ok(Self { tenant: tenant.clone(), transaction: readers.begin().await? })
    }
}

impl Evidence for View {
    async fn anchor(&mut self) -> Result<Anchor, sqlx::Error> {
        retention::anchor(&mut self.transaction, &self.tenant).await
    }

    /// It is kept nowhere else.
    async fn end(&mut self) -> Result<Option<Head>, sqlx::Error> {
        Ok(None)
    }

    async fn told_of(&mut self, after: u64, to: u64) -> Result<Vec<ToldOf>, sqlx::Error> {
        retention::told_of(&mut self.transaction, &self.tenant, after, to).await
    }

    async fn needed(&mut self, since_ms: u64) -> Result<Option<(u64, Holder)>, sqlx::Error> {
        retention::needed(&mut self.transaction, &self.tenant, since_ms).await
    }

    async fn old_decisions(&mut self, before_ms: u64, limit: u32) -> Result<u64, sqlx::Error> {
        retention::old_decisions(&mut self.transaction, &self.tenant, before_ms, limit).await
    }

    async fn events(&mut self, after: u64, limit: u32) -> Result<Vec<KeptEvent>, sqlx::Error> {
        let Self { tenant, transaction } = self;
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
        query.fetch_all(&mut **transaction).await?.into_iter().map(kept).collect()
    }

    async fn strands(&mut self) -> Result<Vec<KeptStrand>, sqlx::Error> {
        let starts = strands::starts(&mut self.transaction, &self.tenant).await?;
        // The end is kept nowhere else.
        Ok(starts.into_iter().map(|start| KeptStrand { start, end: None }).collect())
    }

    async fn batches(
        &mut self,
        strand: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<KeptBatch>, sqlx::Error> {
        batches::of_strand(&mut self.transaction, &self.tenant, strand, after, limit).await
    }

    async fn stray(&mut self) -> Result<Option<(String, u64)>, sqlx::Error> {
        strands::stray(&mut self.transaction, &self.tenant).await
    }

    async fn removed(&mut self) -> Result<Option<(String, u64)>, sqlx::Error> {
        let query = sqlx::query(REMOVED).bind(self.tenant.as_str());
        let row = query.fetch_optional(&mut *self.transaction).await?;
        row.map(|row| Ok((row.try_get("execution")?, number(&row, "sequence")?))).transpose()
    }

    async fn executions(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<KeptExecution>, sqlx::Error> {
        let Self { tenant, transaction } = self;
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
        query.fetch_all(&mut **transaction).await?.into_iter().map(kept).collect()
    }
}

/// A text that somebody may have made none: then it is not what was written.
fn text(row: &SqliteRow, column: &str) -> Result<String, sqlx::Error> {
    let bytes: &[u8] = row.try_get_unchecked(column)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn event(row: &SqliteRow, body: &str) -> Option<ChainedEvent> {
    ChainedEvent::parse(body, digest(row, "hash").ok()?).ok()
}
