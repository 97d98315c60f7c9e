//! Removing what came to its end long ago: see [`crate::retention`].

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;
use writ_core::chain::{Anchor, Head};
use writ_core::strand::StrandPlace;

use super::backend::{Inner, Postgres};
use super::rows::{column, digest, integer, number, text};
use super::scope::{Access, Scope};
use super::text::kept;
use super::{events, strands};
use crate::error::StoreError;
use crate::retention::{Counts, Holder, Plan, ToldOf};

/// Until the transaction ends, whichever host it is on.
const TAKE_TURN: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended('writ retention ' || $1, 0))";
const ANCHOR: &str = "SELECT sequence, hash, until_ms FROM anchors WHERE tenant = $1";
const MOVE_ANCHOR: &str = "INSERT INTO anchors (tenant, sequence, hash, until_ms)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
        until_ms = excluded.until_ms";
const TOLD_OF: &str = "SELECT told.execution, status, last.sequence, last.at_ms
    FROM (
        SELECT DISTINCT execution FROM events
        WHERE tenant = $1 AND sequence > $2 AND sequence <= $3 AND execution <> ''
    ) AS told
    JOIN executions ON executions.tenant = $1 AND executions.id = told.execution
    CROSS JOIN LATERAL (
        SELECT sequence, at_ms FROM events WHERE tenant = $1 AND execution = told.execution
        ORDER BY sequence DESC LIMIT 1
    ) AS last";
const NEEDED: &str = "SELECT next AS place, name AS id, true AS is_channel FROM channels
    WHERE tenant = $1
    UNION ALL
    SELECT sequence, id, false FROM dead_letters
    WHERE channel IS NOT NULL AND tenant = $1 AND at_ms >= $2
    ORDER BY place LIMIT 1";
const OLD_DECISIONS: &str = "SELECT count(*) AS old FROM (SELECT 1 FROM decisions
    WHERE tenant = $1 AND id < $2 AND received_at_ms < $3 LIMIT $4) AS old";

/// Nobody makes another of one that is held: see [`crate::Created`].
const HOLD: &str =
    "SELECT id FROM executions WHERE tenant = $1 AND id = ANY($2) ORDER BY id FOR UPDATE";
const FITS: &str = "SELECT
    (SELECT count(*) FROM events WHERE tenant = $1 AND sequence <= $2) AS events,
    EXISTS (SELECT 1 FROM events
        WHERE tenant = $1 AND execution = ANY($3) AND sequence > $2) AS is_told";
const OF_EXECUTIONS: [&str; 5] = [
    "DELETE FROM approval_history WHERE tenant = $1 AND execution = ANY($2)",
    "DELETE FROM idempotency WHERE tenant = $1 AND execution = ANY($2)",
    "DELETE FROM journal WHERE tenant = $1 AND execution = ANY($2)",
    "DELETE FROM answer_links WHERE tenant = $1 AND execution = ANY($2)",
    "DELETE FROM answered WHERE tenant = $1 AND execution = ANY($2)",
];
const APPROVALS: &str = "DELETE FROM approvals WHERE tenant = $1 AND execution = ANY($2)";
const EXECUTIONS: &str = "DELETE FROM executions WHERE tenant = $1 AND id = ANY($2)";
const EVENTS: &str = "DELETE FROM events WHERE tenant = $1 AND sequence <= $2";
const DEAD_LETTERS: &str = "DELETE FROM dead_letters WHERE tenant = $1 AND sequence <= $2";
const DECISIONS: &str =
    "DELETE FROM decisions WHERE tenant = $1 AND id IN (SELECT id FROM decisions
    WHERE tenant = $1 AND id < $2 AND received_at_ms < $3 ORDER BY id LIMIT $4)";

impl Postgres {
    /// None where another host sweeps, or the plan does not fit any more.
    pub(crate) async fn retain(&self, plan: Plan) -> Result<Option<Counts>, StoreError> {
        let retained = self.inner.retain(&plan).await;
        let counts = retained.map_err(|error| self.inner.link.failed(error))?;
        self.inner.link.counters.count_swept(&counts.unwrap_or_default());
        Ok(counts)
    }
}

impl Inner {
    async fn retain(&self, plan: &Plan) -> Result<Option<Counts>, sqlx::Error> {
        let scope = Scope::Tenant(&plan.tenant);
        let mut transaction = self.link.begin(scope, Access::Write).await?;
        if !fits(&mut transaction, plan).await? {
            // Now, not when the connection is next looked at: whoever plans anew takes the turn again.
            transaction.rollback().await?;
            return Ok(None);
        }
        let counts = remove(&mut transaction, plan).await?;
        move_anchor(&mut transaction, &plan.to).await?;
        let evidence = plan.evidence(&counts, starts(&mut transaction, &plan.tenant).await?);
        events::append(&mut transaction, &plan.tenant, vec![evidence]).await?;
        transaction.commit().await?;
        Ok(Some(counts))
    }
}

/// Takes the turn and the executions, and looks whether everything is as it was when it was planned.
async fn fits(connection: &mut PgConnection, plan: &Plan) -> Result<bool, sqlx::Error> {
    let Plan { tenant, from, to, .. } = plan;
    let turn = sqlx::query_scalar(TAKE_TURN).bind(tenant.as_str());
    let is_ours: bool = turn.fetch_one(&mut *connection).await?;
    if !is_ours
        || anchor(connection, tenant).await? != *from
        || !plan.fits_strands(&starts(connection, tenant).await?)
    {
        return Ok(false);
    }
    sqlx::query(HOLD).bind(tenant.as_str()).bind(ids(plan)).execute(&mut *connection).await?;
    let query = sqlx::query(FITS).bind(tenant.as_str()).bind(integer(to.head.sequence));
    let row = query.bind(ids(plan)).fetch_one(connection).await?;
    let is_told: bool = row.try_get("is_told")?;
    Ok(!is_told && number(&row, "events")? == to.head.sequence - from.head.sequence)
}

async fn remove(connection: &mut PgConnection, plan: &Plan) -> Result<Counts, sqlx::Error> {
    let (tenant, to) = (plan.tenant.as_str(), integer(plan.to.head.sequence));
    for sql in OF_EXECUTIONS {
        sqlx::query(sql).bind(tenant).bind(ids(plan)).execute(&mut *connection).await?;
    }
    let approvals = sqlx::query(APPROVALS).bind(tenant).bind(ids(plan));
    let approvals = approvals.execute(&mut *connection).await?.rows_affected();
    let executions = sqlx::query(EXECUTIONS).bind(tenant).bind(ids(plan));
    let executions = executions.execute(&mut *connection).await?.rows_affected();
    let events = sqlx::query(EVENTS).bind(tenant).bind(to);
    let events = events.execute(&mut *connection).await?.rows_affected();
    let dead_letters = sqlx::query(DEAD_LETTERS).bind(tenant).bind(to);
    let dead_letters = dead_letters.execute(&mut *connection).await?.rows_affected();
    let decisions = sqlx::query(DECISIONS).bind(tenant).bind(plan.decisions_below());
    let decisions = decisions.bind(integer(plan.to.until_ms)).bind(i64::from(plan.decisions_max));
    let mut decisions = decisions.execute(&mut *connection).await?.rows_affected();
    for cut in &plan.cuts {
        decisions += strands::cut(connection, &plan.tenant, &cut.to).await?;
    }
    Ok(Counts { executions, approvals, events, decisions, dead_letters })
}

async fn starts(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Vec<StrandPlace>, sqlx::Error> {
    let strands = strands::all(connection, tenant).await?;
    Ok(strands.into_iter().map(|strand| strand.start).collect())
}

async fn move_anchor(connection: &mut PgConnection, to: &Anchor) -> Result<(), sqlx::Error> {
    sqlx::query(MOVE_ANCHOR)
        .bind(to.head.tenant.as_str())
        .bind(integer(to.head.sequence))
        .bind(&to.head.hash.as_bytes()[..])
        .bind(integer(to.until_ms))
        .execute(connection)
        .await?;
    Ok(())
}

/// The executions that go.
fn ids(plan: &Plan) -> Vec<std::borrow::Cow<'_, str>> {
    column(&plan.executions, |id| kept(id))
}

/// Where a tenant's chain begins.
pub(super) async fn anchor(
    connection: &mut PgConnection,
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
pub(super) async fn told_of(
    connection: &mut PgConnection,
    tenant: &Tenant,
    after: u64,
    to: u64,
) -> Result<Vec<ToldOf>, sqlx::Error> {
    let query = sqlx::query(TOLD_OF).bind(tenant.as_str()).bind(integer(after)).bind(integer(to));
    let told = |row: PgRow| {
        Ok(ToldOf {
            execution: text(&row, "execution")?,
            status: row.try_get("status")?,
            last_sequence: number(&row, "sequence")?,
            last_at_ms: number(&row, "at_ms")?,
        })
    };
    query.fetch_all(connection).await?.into_iter().map(told).collect()
}

/// The first event that a channel or a dead letter needs.
pub(super) async fn needed(
    connection: &mut PgConnection,
    tenant: &Tenant,
    since_ms: u64,
) -> Result<Option<(u64, Holder)>, sqlx::Error> {
    let query = sqlx::query(NEEDED).bind(tenant.as_str()).bind(integer(since_ms));
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let (place, id) = (number(&row, "place")?, text(&row, "id")?);
    let is_channel: bool = row.try_get("is_channel")?;
    let holder = if is_channel { Holder::Channel(id) } else { Holder::DeadLetter(id) };
    Ok(Some((place, holder)))
}

/// How many decisions are from before a time, up to a limit.
pub(super) async fn old_decisions(
    connection: &mut PgConnection,
    tenant: &Tenant,
    before_ms: u64,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query(OLD_DECISIONS).bind(tenant.as_str());
    let query = query.bind(crate::moment::id_at(before_ms)).bind(integer(before_ms));
    number(&query.bind(i64::from(limit)).fetch_one(connection).await?, "old")
}
