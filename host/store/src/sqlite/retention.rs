//! Removing what came to its end long ago: see [`crate::retention`].

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;
use writ_core::chain::{Anchor, Head};
use writ_core::{ChainedEvent, Tenant};

use crate::error::StoreError;
use crate::retention::{Counts, Holder, Plan, ToldOf};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::sqlite::chains::Chains;
use crate::sqlite::rows::{digest, integer, number};
use crate::sqlite::strands;

/// What the writer is to remove, and whom it tells how much that was: before it is durable.
#[derive(Debug)]
pub(crate) struct Sweep {
    plan: Plan,
    removed: oneshot::Sender<Counts>,
}

impl Sqlite {
    /// None where the plan does not fit any more.
    pub(crate) async fn retain(&self, plan: Plan) -> Result<Option<Counts>, StoreError> {
        let (removed, mut counts) = oneshot::channel();
        let sweep = Some(Box::new(Sweep { plan, removed }));
        self.inner.write(Job { sweep, ..Job::default() }).await?;
        let counts = counts.try_recv().ok();
        self.inner.shared.counters.count_swept(&counts.unwrap_or_default());
        Ok(counts)
    }
}

pub(super) const ANCHOR: &str = "SELECT sequence, hash, until_ms FROM anchors WHERE tenant = ?";
pub(super) const TOLD_OF: &str = "SELECT told.execution, status, last.sequence, last.at_ms
    FROM (
        SELECT DISTINCT execution FROM events INDEXED BY sqlite_autoindex_events_1
        WHERE tenant = ?1 AND sequence > ?2 AND sequence <= ?3 AND execution <> ''
    ) AS told
    CROSS JOIN executions ON executions.tenant = ?1 AND executions.id = told.execution
    CROSS JOIN events AS last ON last.tenant = ?1 AND last.sequence = (
        SELECT max(sequence) FROM events WHERE tenant = ?1 AND execution = told.execution)";
pub(super) const NEEDED: &str = "SELECT next AS place, name AS id, 1 AS is_channel FROM channels
    WHERE tenant = ?1
    UNION ALL
    SELECT sequence, id, 0 FROM dead_letters
    WHERE channel IS NOT NULL AND tenant = ?1 AND at_ms >= ?2
    ORDER BY place LIMIT 1";
pub(super) const OLD_DECISIONS: &str = "SELECT count(*) AS old FROM (SELECT 1 FROM decisions
    WHERE tenant = ?1 AND id < ?2 AND received_at_ms < ?3 LIMIT ?4)";

/// Where a tenant's chain begins.
pub(crate) async fn anchor(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Anchor, sqlx::Error> {
    let query = sqlx::query(ANCHOR).bind(tenant.as_str());
    let Some(row) = query.fetch_optional(connection).await? else {
        return Ok(Anchor::start(tenant.clone()));
    };
    let (sequence, hash) = (number(&row, "sequence")?, digest(&row, "hash")?);
    let head = Head { tenant: tenant.clone(), sequence, hash };
    Ok(Anchor { head, until_ms: number(&row, "until_ms")? })
}

/// The executions that some events tell of.
pub(crate) async fn told_of(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    after: u64,
    to: u64,
) -> Result<Vec<ToldOf>, sqlx::Error> {
    let query = sqlx::query(TOLD_OF).bind(tenant.as_str()).bind(integer(after)).bind(integer(to));
    let told = |row: SqliteRow| {
        Ok(ToldOf {
            execution: row.try_get("execution")?,
            status: row.try_get("status")?,
            last_sequence: number(&row, "sequence")?,
            last_at_ms: number(&row, "at_ms")?,
        })
    };
    query.fetch_all(connection).await?.into_iter().map(told).collect()
}

/// The first event that a channel or a dead letter needs.
pub(crate) async fn needed(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    since_ms: u64,
) -> Result<Option<(u64, Holder)>, sqlx::Error> {
    let query = sqlx::query(NEEDED).bind(tenant.as_str()).bind(integer(since_ms));
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let (place, id) = (number(&row, "place")?, row.try_get("id")?);
    let is_channel: bool = row.try_get("is_channel")?;
    let holder = if is_channel { Holder::Channel(id) } else { Holder::DeadLetter(id) };
    Ok(Some((place, holder)))
}

/// How many decisions are from before a time, up to a limit.
pub(crate) async fn old_decisions(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    before_ms: u64,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(OLD_DECISIONS).bind(tenant.as_str());
    let query = query.bind(crate::moment::id_at(before_ms)).bind(integer(before_ms)).bind(limit);
    number(&query.fetch_one(connection).await?, "old")
}

/// Removes what plans say, where they still fit, and returns the events that tell of it.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    sweeps: Vec<Sweep>,
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    let mut events = Vec::new();
    for Sweep { plan, removed } in sweeps {
        if !fits(connection, &plan).await? {
            continue;
        }
        // Before the events go, of which it may have to be read.
        let head = chains.head(connection, &plan.tenant).await?;
        let counts = remove(connection, &plan).await?;
        let starts = strands::starts(connection, &plan.tenant).await?;
        events.push(head.append(plan.evidence(&counts, starts)));
        move_anchor(connection, &plan.to).await?;
        // Who no longer waits has given up on the answer, not on the sweep.
        removed.send(counts).ok();
    }
    Ok(events)
}

/// The events up to a place, and whether one after it tells of an execution that would go.
pub(super) const FITS: &str = "SELECT
    (SELECT count(*) FROM events WHERE tenant = ?1 AND sequence <= ?2) AS events,
    EXISTS (SELECT 1 FROM json_each(?3) AS ended CROSS JOIN events
        ON events.tenant = ?1 AND events.execution = ended.value AND events.sequence > ?2
    ) AS is_told";

async fn fits(connection: &mut SqliteConnection, plan: &Plan) -> Result<bool, sqlx::Error> {
    let Plan { tenant, from, to, .. } = plan;
    if anchor(connection, tenant).await? != *from
        || !plan.fits_strands(&strands::starts(connection, tenant).await?)
    {
        return Ok(false);
    }
    let query = sqlx::query(FITS).bind(tenant.as_str()).bind(integer(to.head.sequence));
    let row = query.bind(ids(plan)).fetch_one(connection).await?;
    let is_told: bool = row.try_get("is_told")?;
    Ok(!is_told && number(&row, "events")? == to.head.sequence - from.head.sequence)
}

/// What belongs to executions, before they go themselves. Left to itself, SQLite would look at all
/// keys of a tenant.
pub(super) const OF_EXECUTIONS: [&str; 5] = [
    "DELETE FROM approval_history INDEXED BY approval_history_by_execution
        WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))",
    "DELETE FROM idempotency INDEXED BY idempotency_by_execution
        WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))",
    "DELETE FROM journal WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))",
    "DELETE FROM answer_links INDEXED BY answer_links_by_execution
        WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))",
    "DELETE FROM answered INDEXED BY answered_by_execution
        WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))",
];
pub(super) const APPROVALS: &str = "DELETE FROM approvals INDEXED BY approvals_by_execution
        WHERE tenant = ?1 AND execution IN (SELECT value FROM json_each(?2))";
const EXECUTIONS: &str =
    "DELETE FROM executions WHERE tenant = ?1 AND id IN (SELECT value FROM json_each(?2))";
pub(super) const EVENTS: &str = "DELETE FROM events WHERE tenant = ?1 AND sequence <= ?2";
const DEAD_LETTERS: &str = "DELETE FROM dead_letters WHERE tenant = ?1 AND sequence <= ?2";
pub(super) const DECISIONS: &str =
    "DELETE FROM decisions WHERE sequence IN (SELECT sequence FROM decisions
    WHERE tenant = ?1 AND id < ?2 AND received_at_ms < ?3 ORDER BY id LIMIT ?4)";

async fn remove(connection: &mut SqliteConnection, plan: &Plan) -> Result<Counts, sqlx::Error> {
    let (tenant, ids) = (plan.tenant.as_str(), ids(plan));
    for sql in OF_EXECUTIONS {
        sqlx::query(sql).bind(tenant).bind(&ids).execute(&mut *connection).await?;
    }
    let approvals = sqlx::query(APPROVALS).bind(tenant).bind(&ids);
    let approvals = approvals.execute(&mut *connection).await?.rows_affected();
    let executions = sqlx::query(EXECUTIONS).bind(tenant).bind(&ids);
    let executions = executions.execute(&mut *connection).await?.rows_affected();
    let to = integer(plan.to.head.sequence);
    let events = sqlx::query(EVENTS).bind(tenant).bind(to);
    let events = events.execute(&mut *connection).await?.rows_affected();
    let dead_letters = sqlx::query(DEAD_LETTERS).bind(tenant).bind(to);
    let dead_letters = dead_letters.execute(&mut *connection).await?.rows_affected();
    let decisions = sqlx::query(DECISIONS).bind(tenant).bind(plan.decisions_below());
    let decisions = decisions.bind(integer(plan.to.until_ms)).bind(plan.decisions_max);
    let mut decisions = decisions.execute(&mut *connection).await?.rows_affected();
    for cut in &plan.cuts {
        decisions += strands::cut(connection, &plan.tenant, &cut.to).await?;
    }
    Ok(Counts { executions, approvals, events, decisions, dead_letters })
}

async fn move_anchor(connection: &mut SqliteConnection, to: &Anchor) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO anchors (tenant, sequence, hash, until_ms) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
                   until_ms = excluded.until_ms";
    sqlx::query(sql)
        .bind(to.head.tenant.as_str())
        .bind(integer(to.head.sequence))
        .bind(&to.head.hash.as_bytes()[..])
        .bind(integer(to.until_ms))
        .execute(connection)
        .await?;
    Ok(())
}

/// The executions that go, as a JSON list.
fn ids(plan: &Plan) -> String {
    serde_json::to_string(&plan.executions).expect("texts are JSON")
}
