//! Events and executions as they are kept, whatever somebody may have made of them.

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Row as _, Transaction};
use writ_core::chain::{Anchor, Head};
use writ_core::{ChainedEvent, Tenant};

use super::rows::{digest, integer, number, text, time};
use super::text::kept;
use super::{batches, retention, strands};
use crate::retention::{Holder, ToldOf};
use crate::row::{ExecutionRow, KeptBatch, KeptEvent, KeptExecution};
use crate::strand::KeptStrand;
use crate::verify::Evidence;

const EVENTS: &str = "SELECT sequence, execution, at_ms, body, hash FROM events
    WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const END: &str = "SELECT sequence, hash FROM chains WHERE tenant = $1";
const REMOVED: &str = "SELECT execution, sequence FROM events
    WHERE tenant = $1 AND execution <> '' AND NOT EXISTS (SELECT 1 FROM executions
        WHERE executions.tenant = $1 AND executions.id = events.execution)
    ORDER BY sequence LIMIT 1";
const EXECUTIONS: &str = "SELECT executions.id, status, requester, version, due_at_ms,
        executions.body AS body, told.body AS told, told.hash AS hash
    FROM executions LEFT JOIN LATERAL (
        SELECT body, hash FROM events WHERE tenant = $1 AND execution = executions.id
        ORDER BY sequence DESC LIMIT 1
    ) AS told ON true
    WHERE executions.tenant = $1 AND executions.id > $2 ORDER BY executions.id LIMIT $3";

/// All that is kept of a tenant, as it was when the view was opened.
pub(crate) struct View {
    tenant: Tenant,
    transaction: Transaction<'static, Postgres>,
}

impl View {
    pub(super) fn new(tenant: &Tenant, transaction: Transaction<'static, Postgres>) -> Self {
        Self { tenant: tenant.clone(), transaction }
    }
}

impl Evidence for View {
    async fn anchor(&mut self) -> Result<Anchor, sqlx::Error> {
        retention::anchor(&mut self.transaction, &self.tenant).await
    }

    async fn end(&mut self) -> Result<Option<Head>, sqlx::Error> {
        let query = sqlx::query(END).bind(self.tenant.as_str());
        let row = query.fetch_optional(&mut *self.transaction).await?;
        let head = |row: PgRow| {
            let (sequence, hash) = (number(&row, "sequence")?, digest(&row, "hash")?);
            Ok(Head { tenant: self.tenant.clone(), sequence, hash })
        };
        row.map(head).transpose()
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
        let query = sqlx::query(EVENTS).bind(tenant.as_str()).bind(integer(after));
        let kept = |row: PgRow| {
            let body: String = row.try_get("body")?;
            Ok(KeptEvent {
                sequence: number(&row, "sequence")?,
                event: event(&row, &body),
                tenant: tenant.clone(),
                execution: text(&row, "execution")?,
                at_ms: number(&row, "at_ms")?,
                body,
            })
        };
        let rows = query.bind(i64::from(limit)).fetch_all(&mut **transaction).await?;
        rows.into_iter().map(kept).collect()
    }

    async fn strands(&mut self) -> Result<Vec<KeptStrand>, sqlx::Error> {
        strands::all(&mut self.transaction, &self.tenant).await
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
        row.map(|row| Ok((text(&row, "execution")?, number(&row, "sequence")?))).transpose()
    }

    async fn executions(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<KeptExecution>, sqlx::Error> {
        let Self { tenant, transaction } = self;
        let query = sqlx::query(EXECUTIONS).bind(tenant.as_str()).bind(kept(after));
        let kept = |row: PgRow| {
            let told: Option<&str> = row.try_get("told")?;
            let told = told.and_then(|body| event(&row, body));
            let row = ExecutionRow {
                tenant: tenant.clone(),
                id: text(&row, "id")?,
                status: text(&row, "status")?.into(),
                requester: text(&row, "requester")?,
                version: number(&row, "version")?,
                due_at_ms: time(&row, "due_at_ms")?,
                body: row.try_get("body")?,
            };
            Ok(KeptExecution { row, told })
        };
        let rows = query.bind(i64::from(limit)).fetch_all(&mut **transaction).await?;
        rows.into_iter().map(kept).collect()
    }
}

fn event(row: &PgRow, body: &str) -> Option<ChainedEvent> {
    ChainedEvent::parse(body, digest(row, "hash").ok()?).ok()
}
