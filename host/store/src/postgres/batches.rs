//! Batches of decisions: one row each, appended, never changed but for their seal.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;
use writ_core::strand::StrandPlace;

use super::rows::{column, integer, number, text};
use super::text::kept;
use crate::decisions::Window;
use crate::error::{Failure, StoreError};
use crate::row::{BatchRow, KeptBatch};

/// Appends to a strand, whose end the first part has moved: else it appends nothing.
macro_rules! append {
    ($moved:literal) => {
        concat!(
            "WITH moved AS (",
            $moved,
            ") INSERT INTO decision_batches (tenant, strand, number, first_id, last_id, from_ms,
                until_ms, decisions, digests, previous, hash, body)
            SELECT $1, $2, batch.* FROM UNNEST($8::bigint[], $9::text[], $10::text[], $11::bigint[],
                $12::bigint[], $13::bigint[], $14::bytea[], $15::bytea[], $16::bytea[], $17::text[]
            ) AS batch WHERE EXISTS (SELECT 1 FROM moved)"
        )
    };
}

const BEGIN_STRAND: &str = append!(
    "INSERT INTO decision_strands
        (tenant, strand, number, hash, until_ms, end_number, end_hash, end_until_ms)
    VALUES ($1, $2, $6, $7, 0, $3, $4, $5) RETURNING 1"
);
const MOVE_END: &str = append!(
    "UPDATE decision_strands SET end_number = $3, end_hash = $4, end_until_ms = $5
    WHERE tenant = $1 AND strand = $2 AND end_number = $6 AND end_hash = $7 RETURNING 1"
);
const NEWEST: &str = "SELECT * FROM decision_batches
    WHERE tenant = $1 AND last_id >= $2 AND (last_id, strand, number) < ($3, $4, $5)
        AND first_id <= $6
    ORDER BY last_id DESC, strand DESC, number DESC LIMIT $7";
const OF_STRAND: &str = "SELECT * FROM decision_batches
    WHERE tenant = $1 AND strand = $2 AND number > $3 ORDER BY number LIMIT $4";

/// Appends batches to a strand that ends at a place: false, and nothing is appended, where it does not
/// or is not there. Its end is held until the transaction ends.
pub(super) async fn append(
    connection: &mut PgConnection,
    tenant: &Tenant,
    (from, to): (&StrandPlace, &StrandPlace),
    rows: &[BatchRow],
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(if from.number == 0 { BEGIN_STRAND } else { MOVE_END })
        .bind(tenant.as_str())
        .bind(&from.strand)
        .bind(integer(to.number))
        .bind(&to.hash.as_bytes()[..])
        .bind(integer(to.until_ms))
        .bind(integer(from.number))
        .bind(&from.hash.as_bytes()[..])
        .bind(column(rows, |row| integer(row.link.number)))
        .bind(column(rows, |row| kept(&row.first_id)))
        .bind(column(rows, |row| kept(&row.last_id)))
        .bind(column(rows, |row| integer(row.from_ms)))
        .bind(column(rows, |row| integer(row.link.until_ms)))
        .bind(column(rows, |row| integer(row.link.digests.len() as u64)))
        .bind(column(rows, BatchRow::digests))
        .bind(column(rows, |row| &row.link.previous.as_bytes()[..]))
        .bind(column(rows, |row| &row.link.hash.as_bytes()[..]))
        .bind(column(rows, |row| row.body.as_str()))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// A tenant's batches within a window, newest first.
pub(super) async fn newest(
    connection: &mut PgConnection,
    tenant: &Tenant,
    window: &Window,
    limit: u32,
) -> Result<Vec<KeptBatch>, StoreError> {
    let (last_id, strand, number) = &window.before;
    let query = sqlx::query(NEWEST)
        .bind(tenant.as_str())
        .bind(kept(&window.last_from))
        .bind(kept(last_id))
        .bind(strand)
        .bind(integer(*number))
        .bind(kept(&window.first_to))
        .bind(i64::from(limit));
    let rows = query.fetch_all(connection).await.map_err(Failure::from)?;
    let rows: Result<_, _> = rows.iter().map(batch).collect();
    Ok(rows.map_err(Failure::from)?)
}

/// A strand's batches behind a place, in order.
pub(super) async fn of_strand(
    connection: &mut PgConnection,
    tenant: &Tenant,
    strand: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<KeptBatch>, sqlx::Error> {
    let query = sqlx::query(OF_STRAND).bind(tenant.as_str()).bind(strand);
    let rows = query.bind(integer(after)).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(batch).collect()
}

fn batch(row: &PgRow) -> Result<KeptBatch, sqlx::Error> {
    Ok(KeptBatch {
        strand: row.try_get("strand")?,
        number: number(row, "number")?,
        first_id: text(row, "first_id")?,
        last_id: text(row, "last_id")?,
        from_ms: number(row, "from_ms")?,
        until_ms: number(row, "until_ms")?,
        decisions: number(row, "decisions")?,
        digests: row.try_get("digests")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
        body: row.try_get("body")?,
    })
}
