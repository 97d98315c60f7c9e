//! Decisions from before there were batches: one row each, only read and removed.

use sqlx::sqlite::SqlitePool;
use sqlx::{FromRow, Row as _};

use crate::error::{Failure, StoreError};
use crate::row::{StoredDecision, UnreadDecision};
use crate::sealing::Opener;
use crate::sqlite::rows::digest;

/// One decision of a tenant.
pub(crate) async fn one(
    readers: &SqlitePool,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<StoredDecision>, StoreError> {
    let sql = "SELECT * FROM decisions WHERE tenant = ? AND id = ?";
    let query = sqlx::query_as(sql).bind(opener.tenant.as_str()).bind(id);
    let row: Option<UnreadDecision> = query.fetch_optional(readers).await.map_err(Failure::from)?;
    row.map(|row| row.read(opener)).transpose()
}

/// A tenant's decisions, newest first, those before an id.
pub(crate) async fn page(
    readers: &SqlitePool,
    opener: Opener<'_>,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<StoredDecision>, StoreError> {
    let sql = "SELECT * FROM decisions WHERE tenant = ?1 AND (?2 IS NULL OR id < ?2)
               ORDER BY id DESC LIMIT ?3";
    let query = sqlx::query_as(sql).bind(opener.tenant.as_str()).bind(before).bind(limit);
    let rows: Vec<UnreadDecision> = query.fetch_all(readers).await.map_err(Failure::from)?;
    rows.into_iter().map(|row| row.read(opener)).collect()
}

impl FromRow<'_, sqlx::sqlite::SqliteRow> for UnreadDecision {
    fn from_row(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        let received_at_ms: i64 = row.try_get("received_at_ms")?;
        let decision = StoredDecision {
            id: row.try_get("id")?,
            received_at_ms: received_at_ms.cast_unsigned(),
            request_id: row.try_get("request_id")?,
            trace_id: row.try_get("trace_id")?,
            request_digest: digest(row, "request_digest")?,
            subject: (row.try_get("subject_type")?, row.try_get("subject_id")?),
            action: row.try_get("action")?,
            resource: (row.try_get("resource_type")?, row.try_get("resource_id")?),
            policy_set: digest(row, "policy_set")?,
            outcome: row.try_get("outcome")?,
            policies: Vec::new(),
            whole: None,
        };
        Ok(Self { decision, policies: row.try_get("policies")? })
    }
}
