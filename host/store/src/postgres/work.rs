//! Executions whose tool a host may run.
//!
//! Every host that has a tool sees the same work: whoever claims an execution first runs it, and its
//! version refuses the others.

use sqlx::postgres::PgConnection;
use writ_core::{BoundTool, Tenant};

use super::rows::{column, integer, name, text};
use super::text::kept;
use crate::row::WorkRow;

const UPSERT: &str = "INSERT INTO work (tenant, execution, tool, digest, at_ms, since_ms)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, execution)
    DO UPDATE SET at_ms = excluded.at_ms, since_ms = excluded.since_ms";
const REMOVE: &str = "DELETE FROM work WHERE tenant = $1 AND execution = $2";
pub(super) const DUE: &str = "SELECT found.tenant, found.execution
    FROM unnest($1::text[], $2::text[]) AS wanted (tool, digest) CROSS JOIN LATERAL (
        SELECT tenant, execution, at_ms FROM work
        WHERE work.tool = wanted.tool AND work.digest = wanted.digest AND at_ms <= $3
        ORDER BY at_ms LIMIT $4
    ) AS found ORDER BY found.at_ms, found.execution LIMIT $4";
pub(super) const CHANGED: &str = "SELECT found.tenant, found.execution
    FROM unnest($1::text[], $2::text[]) AS wanted (tool, digest) CROSS JOIN LATERAL (
        SELECT tenant, execution, at_ms FROM work
        WHERE work.tool = wanted.tool AND work.digest <> wanted.digest
            AND at_ms <= $3 AND since_ms <= $3
        LIMIT $4
    ) AS found ORDER BY found.at_ms, found.execution LIMIT $4";

/// Adds or removes work.
pub(super) async fn keep(connection: &mut PgConnection, row: &WorkRow) -> Result<(), sqlx::Error> {
    let query = sqlx::query(if row.work.is_some() { UPSERT } else { REMOVE });
    let query = query.bind(row.tenant.as_str()).bind(kept(&row.execution));
    let query = row.work.iter().fold(query, |query, work| {
        let (tool, digest) = (work.tool.name.as_str(), work.tool.digest.to_string());
        query.bind(tool).bind(digest).bind(integer(work.at_ms)).bind(integer(work.since_ms))
    });
    query.execute(connection).await.map(drop)
}

/// Executions that a query finds for some tools, longest ago first.
pub(super) async fn of_tools(
    connection: &mut PgConnection,
    sql: &'static str,
    tools: &[BoundTool],
    at_ms: u64,
    limit: u32,
) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
    let query = sqlx::query(sql)
        .bind(column(tools, |tool| tool.name.as_str()))
        .bind(column(tools, |tool| tool.digest.to_string()))
        .bind(integer(at_ms))
        .bind(i64::from(limit));
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok((name(row, "tenant")?, text(row, "execution")?))).collect()
}
