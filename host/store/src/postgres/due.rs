//! What time has changed: taken by one host at a time.
//!
//! A lease keeps hosts from doing the same work; what it does not have to do is keep them from doing
//! it twice: an execution that somebody has changed is at another version, and refuses.

use sqlx::postgres::PgConnection;
use writ_core::Tenant;

use super::rows::{integer, name, number, text};

const TAKE: &str = "WITH due AS (
        SELECT tenant, id FROM executions
        WHERE due_at_ms <= $1
            AND (leased_until IS NULL OR leased_until <= now() OR leased_by = $3)
        ORDER BY due_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE executions SET leased_by = $3, leased_until = now() + $4 * interval '1 ms'
        FROM due WHERE executions.tenant = due.tenant AND executions.id = due.id
        RETURNING executions.tenant, executions.id, due_at_ms
    )
    SELECT tenant, id FROM taken ORDER BY due_at_ms, id";
const NEXT: &str = "SELECT due_at_ms FROM executions
    WHERE due_at_ms IS NOT NULL
        AND (leased_until IS NULL OR leased_until <= now() OR leased_by = $1)
    ORDER BY due_at_ms LIMIT 1";

/// Takes executions that time has changed, longest ago first, for a host and some milliseconds.
/// Whatever others are changing just now is left to them.
pub(super) async fn take(
    connection: &mut PgConnection,
    now_ms: u64,
    limit: u32,
    host: &str,
    lease_ms: u64,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let query = sqlx::query(TAKE).bind(integer(now_ms)).bind(i64::from(limit));
    let rows = query.bind(host).bind(integer(lease_ms) as f64).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((name(row, "tenant")?, text(row, "id")?))).collect()
}

/// When time next changes any execution that a host may take.
pub(super) async fn next_ms(
    connection: &mut PgConnection,
    host: &str,
) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query(NEXT).bind(host).fetch_optional(connection).await?;
    row.as_ref().map(|row| number(row, "due_at_ms")).transpose()
}
