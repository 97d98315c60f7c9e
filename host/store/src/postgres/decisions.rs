//! Decisions from before there were batches: one row each, only read and removed.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row as _};

use super::rows::{digest, number, text};
use super::text::{kept, read};
use crate::error::{Failure, StoreError};
use crate::row::{StoredDecision, UnreadDecision};
use crate::sealing::Opener;

/// One decision of a tenant.
pub(super) async fn one(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    id: &str,
) -> Result<Option<StoredDecision>, StoreError> {
    let sql = "SELECT * FROM decisions WHERE tenant = $1 AND id = $2";
    let query = sqlx::query_as(sql).bind(opener.tenant.as_str()).bind(kept(id));
    let row: Option<UnreadDecision> =
        query.fetch_optional(connection).await.map_err(Failure::from)?;
    row.map(|row| row.read(opener)).transpose()
}

/// A tenant's decisions, newest first, those before an id.
pub(super) async fn page(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    before: &str,
    limit: u32,
) -> Result<Vec<StoredDecision>, StoreError> {
    let sql = "SELECT * FROM decisions WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    let query = sqlx::query_as(sql).bind(opener.tenant.as_str());
    let query = query.bind(kept(before)).bind(i64::from(limit));
    let rows: Vec<UnreadDecision> = query.fetch_all(connection).await.map_err(Failure::from)?;
    rows.into_iter().map(|row| row.read(opener)).collect()
}

impl FromRow<'_, PgRow> for UnreadDecision {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let optional = |column| -> Result<Option<String>, sqlx::Error> {
            Ok(row.try_get::<Option<String>, _>(column)?.map(read))
        };
        let decision = StoredDecision {
            id: text(row, "id")?,
            received_at_ms: number(row, "received_at_ms")?,
            request_id: optional("request_id")?,
            trace_id: optional("trace_id")?,
            request_digest: digest(row, "request_digest")?,
            subject: (text(row, "subject_type")?, text(row, "subject_id")?),
            action: text(row, "action")?,
            resource: (text(row, "resource_type")?, text(row, "resource_id")?),
            policy_set: digest(row, "policy_set")?,
            outcome: text(row, "outcome")?,
            policies: Vec::new(),
            whole: None,
        };
        Ok(Self { decision, policies: row.try_get("policies")? })
    }
}
