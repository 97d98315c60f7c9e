//! Events: one row each, appended, never changed, in one chain a tenant.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::chain::{Evidence, Head};
use writ_core::{ChainedEvent, Tenant};

use super::listener::EVENTS;
use super::rows::{column, digest, integer, number};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::points;

const HOLD_HEAD: &str = "SELECT sequence, hash FROM chains WHERE tenant = $1 FOR UPDATE";
const BEGIN_CHAIN: &str = "INSERT INTO chains (tenant, sequence, hash) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING";
/// The listeners hear of it when the transaction is committed.
const APPEND: &str = "WITH moved AS (
        UPDATE chains SET sequence = $2, hash = $3 WHERE tenant = $1
    ), told AS (
        INSERT INTO events (tenant, sequence, execution, at_ms, body, hash)
        SELECT $1, * FROM
            UNNEST($4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::bytea[])
    )
    SELECT pg_notify($9, '')";

const LAST: &str = "SELECT sequence FROM events WHERE tenant = $1 ORDER BY sequence DESC LIMIT 1";
const PAGE: &str = "SELECT sequence, body, hash FROM events
    WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const PAGE_OF_EXECUTION: &str = "SELECT sequence, body, hash FROM events
    WHERE tenant = $1 AND execution = $4 AND sequence > $2 ORDER BY sequence LIMIT $3";

/// Gives what has happened its places at the end of the tenant's chain, which is held until the
/// transaction ends: what comes last in it.
pub(super) async fn append(
    connection: &mut PgConnection,
    tenant: &Tenant,
    evidence: Vec<Evidence>,
) -> Result<(), sqlx::Error> {
    let mut head = hold_head(connection, tenant).await?;
    points::pass("postgres.chain.held");
    let events: Vec<_> = evidence.into_iter().map(|evidence| head.append(evidence)).collect();
    sqlx::query(APPEND)
        .bind(tenant.as_str())
        .bind(integer(head.sequence))
        .bind(&head.hash.as_bytes()[..])
        .bind(column(&events, |event| integer(event.sequence)))
        .bind(column(&events, |event| kept(&event.execution)))
        .bind(column(&events, |event| integer(event.at_ms)))
        .bind(column(&events, ChainedEvent::canonical))
        .bind(column(&events, |event| &event.hash.as_bytes()[..]))
        .bind(EVENTS)
        .execute(connection)
        .await?;
    Ok(())
}

async fn hold_head(connection: &mut PgConnection, tenant: &Tenant) -> Result<Head, sqlx::Error> {
    loop {
        let query = sqlx::query(HOLD_HEAD).bind(tenant.as_str());
        if let Some(row) = query.fetch_optional(&mut *connection).await? {
            let (sequence, hash) = (number(&row, "sequence")?, digest(&row, "hash")?);
            return Ok(Head { tenant: tenant.clone(), sequence, hash });
        }
        let Head { sequence, hash, .. } = Head::start(tenant.clone());
        let query = sqlx::query(BEGIN_CHAIN).bind(tenant.as_str()).bind(integer(sequence));
        query.bind(&hash.as_bytes()[..]).execute(&mut *connection).await?;
    }
}

/// The place of a tenant's last event; 0 where there is none.
pub(super) async fn last(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(LAST).bind(tenant.as_str()).fetch_optional(connection).await?;
    row.map_or(Ok(0), |row| number(&row, "sequence"))
}

/// A tenant's events, oldest first, those after a place.
pub(super) async fn page(
    connection: &mut PgConnection,
    tenant: &Tenant,
    execution: Option<&str>,
    after: u64,
    limit: u32,
) -> Result<Vec<ChainedEvent>, StoreError> {
    let sql = if execution.is_some() { PAGE_OF_EXECUTION } else { PAGE };
    let query = sqlx::query(sql).bind(tenant.as_str()).bind(integer(after)).bind(i64::from(limit));
    let query = execution.into_iter().fold(query, |query, execution| query.bind(kept(execution)));
    let rows = query.fetch_all(connection).await.map_err(Failure::from)?;
    rows.iter().map(event).collect()
}

fn event(row: &PgRow) -> Result<ChainedEvent, StoreError> {
    let body: &str = row.try_get("body").map_err(Failure::from)?;
    let hash = digest(row, "hash").map_err(Failure::from)?;
    ChainedEvent::parse(body, hash).map_err(|reason| StoreError::Damaged {
        what: "event",
        id: number(row, "sequence").unwrap_or_default().to_string(),
        reason: reason.to_string(),
    })
}
