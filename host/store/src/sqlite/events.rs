//! Events: one row each, appended, never changed.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::chain::Head;
use writ_core::{ChainedEvent, Tenant};

use crate::error::{Failure, StoreError};
use crate::sqlite::rows::{RowsStatement, bind, digest, integer, number};

/// Appends events.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        Self(RowsStatement::new(
            "INSERT INTO events (tenant, sequence, execution, at_ms, body, hash) VALUES",
            "(?,?,?,?,?,?)",
            "",
        ))
    }

    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        events: Vec<ChainedEvent>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, event: ChainedEvent| {
            bind!(
                arguments,
                event.tenant.as_str(),
                integer(event.sequence),
                event.execution.as_str(),
                integer(event.at_ms),
                event.canonical(),
                &event.hash.as_bytes()[..],
            )
        };
        self.0.execute(connection, events, bind_row).await
    }
}

pub(super) const HEAD: &str = "SELECT sequence, hash FROM events
    WHERE tenant = ? ORDER BY sequence DESC LIMIT 1";
pub(super) const PAGE: &str = "SELECT sequence, body, hash FROM events
    WHERE tenant = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
pub(super) const PAGE_OF_EXECUTION: &str = "SELECT sequence, body, hash FROM events
    WHERE tenant = ?1 AND execution = ?4 AND sequence > ?2 ORDER BY sequence LIMIT ?3";

/// Where a tenant's chain ends.
pub(crate) async fn head(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Head, sqlx::Error> {
    let query = sqlx::query(HEAD).bind(tenant.as_str());
    let Some(row) = query.fetch_optional(connection).await? else {
        return Ok(Head::start(tenant.clone()));
    };
    let (sequence, hash) = (number(&row, "sequence")?, digest(&row, "hash")?);
    Ok(Head { tenant: tenant.clone(), sequence, hash })
}

/// A tenant's events, oldest first, those after a sequence number.
pub(crate) async fn page(
    readers: &SqlitePool,
    tenant: &Tenant,
    execution: Option<&str>,
    after: u64,
    limit: u32,
) -> Result<Vec<ChainedEvent>, StoreError> {
    let sql = if execution.is_some() { PAGE_OF_EXECUTION } else { PAGE };
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(integer(after)).bind(limit);
    let query = execution.into_iter().fold(query, |query, execution| query.bind(execution));
    let rows = query.fetch_all(readers).await.map_err(Failure::from)?;
    rows.iter().map(event).collect()
}

fn event(row: &SqliteRow) -> Result<ChainedEvent, StoreError> {
    let body: &str = row.try_get("body").map_err(Failure::from)?;
    let hash = digest(row, "hash").map_err(Failure::from)?;
    ChainedEvent::parse(body, hash).map_err(|reason| StoreError::Damaged {
        what: "event",
        id: number(row, "sequence").unwrap_or_default().to_string(),
        reason: reason.to_string(),
    })
}
