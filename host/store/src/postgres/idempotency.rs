//! Keys for requests that are sent again: one row each, and which execution it stands for.

use sqlx::postgres::PgConnection;
use writ_core::{Digest, Execution};

use super::executions::execution;
use super::rows::digest;
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::execution::IdempotencyKey;
use crate::row::IdempotencyRow;
use crate::sealing::Opener;

const INSERT: &str = "INSERT INTO idempotency (tenant, requester, key, body, execution)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const ONE: &str = "SELECT idempotency.body AS sent, executions.id, executions.body
    FROM idempotency JOIN executions
      ON executions.tenant = $1 AND executions.id = idempotency.execution
    WHERE idempotency.tenant = $1 AND idempotency.requester = $2 AND idempotency.key = $3";

/// Takes a key for an execution that the transaction will keep. Returns whether it was free: where
/// another transaction has taken it, only once that one has ended.
pub(super) async fn take(
    connection: &mut PgConnection,
    row: &IdempotencyRow,
) -> Result<bool, sqlx::Error> {
    let IdempotencyKey { requester, key, body } = &row.key;
    let taken = sqlx::query(INSERT)
        .bind(row.tenant.as_str())
        .bind(kept(requester.folded()))
        .bind(kept(key))
        .bind(&body.as_bytes()[..])
        .bind(kept(&row.execution))
        .execute(connection)
        .await?;
    Ok(taken.rows_affected() == 1)
}

/// What was sent with a key before, as a digest, and the execution that came of it.
pub(super) async fn one(
    connection: &mut PgConnection,
    opener: Opener<'_>,
    key: &IdempotencyKey,
) -> Result<Option<(Digest, Execution)>, StoreError> {
    let query = sqlx::query(ONE).bind(opener.tenant.as_str());
    let query = query.bind(kept(key.requester.folded())).bind(kept(&key.key));
    let Some(row) = query.fetch_optional(connection).await.map_err(Failure::from)? else {
        return Ok(None);
    };
    let sent = digest(&row, "sent").map_err(Failure::from)?;
    Ok(Some((sent, execution(opener, &row)?)))
}
