//! Keys for requests that are sent again: one row each, and which execution it stands for.

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use writ_core::{Digest, Execution};

use crate::error::{Failure, StoreError};
use crate::execution::IdempotencyKey;
use crate::row::IdempotencyRow;
use crate::sealing::Opener;
use crate::sqlite::executions::execution;
use crate::sqlite::rows::{RowsStatement, bind, digest};

/// Writes keys.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        Self(RowsStatement::new(
            "INSERT INTO idempotency (tenant, requester, key, body, execution) VALUES",
            "(?,?,?,?,?)",
            "",
        ))
    }

    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<IdempotencyRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: IdempotencyRow| {
            let IdempotencyKey { requester, key, body } = row.key;
            let body = &body.as_bytes()[..];
            bind!(arguments, row.tenant.as_str(), requester.folded(), key, body, row.execution)
        };
        self.0.execute(connection, rows, bind_row).await
    }
}

pub(super) const ONE: &str = "SELECT idempotency.body AS sent, executions.id, executions.body
    FROM idempotency CROSS JOIN executions
      ON executions.tenant = ?1 AND executions.id = idempotency.execution
    WHERE idempotency.tenant = ?1 AND idempotency.requester = ?2 AND idempotency.key = ?3";

/// What was sent with a key before, as a digest, and the execution that came of it.
pub(crate) async fn one(
    readers: &SqlitePool,
    opener: Opener<'_>,
    key: &IdempotencyKey,
) -> Result<Option<(Digest, Execution)>, StoreError> {
    let query = sqlx::query(ONE).bind(opener.tenant.as_str());
    let query = query.bind(key.requester.folded()).bind(&key.key);
    let Some(row) = query.fetch_optional(readers).await.map_err(Failure::from)? else {
        return Ok(None);
    };
    let sent = digest(&row, "sent").map_err(Failure::from)?;
    Ok(Some((sent, execution(opener, &row)?)))
}
