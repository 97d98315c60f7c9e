//! Batches of decisions: one row each, appended, never changed but for their seal.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Tenant;

use crate::decisions::Window;
use crate::error::{Failure, StoreError};
use crate::row::{BatchRow, KeptBatch};
use crate::sqlite::rows::{RowsStatement, bind, integer, number};

/// Appends batches.
#[derive(Debug)]
pub(crate) struct Insert(RowsStatement);

impl Insert {
    pub(crate) fn new() -> Self {
        Self(RowsStatement::new(
            "INSERT INTO decision_batches (tenant, strand, number, first_id, last_id, from_ms,
                until_ms, decisions, digests, previous, hash, body) VALUES",
            "(?,?,?,?,?,?,?,?,?,?,?,?)",
            "",
        ))
    }

    pub(crate) async fn execute(
        &mut self,
        connection: &mut SqliteConnection,
        rows: Vec<BatchRow>,
    ) -> Result<(), sqlx::Error> {
        let bind_row = |arguments: &mut SqliteArguments, row: BatchRow| {
            let digests = row.digests();
            let BatchRow { tenant, strand, first_id, last_id, from_ms, link, body } = row;
            bind!(
                arguments,
                tenant.as_str(),
                strand,
                integer(link.number),
                first_id,
                last_id,
                integer(from_ms),
                integer(link.until_ms),
                integer(link.digests.len() as u64),
                digests,
                &link.previous.as_bytes()[..],
                &link.hash.as_bytes()[..],
                body,
            )
        };
        self.0.execute(connection, rows, bind_row).await
    }
}

pub(super) const NEWEST: &str = "SELECT * FROM decision_batches
    WHERE tenant = ?1 AND last_id >= ?2 AND (last_id, strand, number) < (?3, ?4, ?5)
        AND first_id <= ?6
    ORDER BY last_id DESC, strand DESC, number DESC LIMIT ?7";
pub(super) const OF_STRAND: &str = "SELECT * FROM decision_batches
    WHERE tenant = ?1 AND strand = ?2 AND number > ?3 ORDER BY number LIMIT ?4";

/// A tenant's batches within a window, newest first.
pub(crate) async fn newest(
    readers: &SqlitePool,
    tenant: &Tenant,
    window: &Window,
    limit: u32,
) -> Result<Vec<KeptBatch>, StoreError> {
    let (last_id, strand, number) = &window.before;
    let query = sqlx::query(NEWEST)
        .bind(tenant.as_str())
        .bind(&window.last_from)
        .bind(last_id)
        .bind(strand)
        .bind(integer(*number))
        .bind(&window.first_to)
        .bind(limit);
    let rows = query.fetch_all(readers).await.map_err(Failure::from)?;
    let rows: Result<_, _> = rows.iter().map(kept).collect();
    Ok(rows.map_err(Failure::from)?)
}

/// A strand's batches behind a place, in order.
pub(super) async fn of_strand(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    strand: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<KeptBatch>, sqlx::Error> {
    let query = sqlx::query(OF_STRAND).bind(tenant.as_str()).bind(strand);
    let rows = query.bind(integer(after)).bind(limit).fetch_all(connection).await?;
    rows.iter().map(kept).collect()
}

/// A row, whatever somebody may have made of it.
fn kept(row: &SqliteRow) -> Result<KeptBatch, sqlx::Error> {
    let bytes = |column| row.try_get_unchecked::<Vec<u8>, _>(column);
    let text = |column| bytes(column).map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(KeptBatch {
        strand: text("strand")?,
        number: number(row, "number")?,
        first_id: text("first_id")?,
        last_id: text("last_id")?,
        from_ms: number(row, "from_ms")?,
        until_ms: number(row, "until_ms")?,
        decisions: number(row, "decisions")?,
        digests: bytes("digests")?,
        previous: bytes("previous")?,
        hash: bytes("hash")?,
        body: text("body")?,
    })
}
