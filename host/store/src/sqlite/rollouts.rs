//! The version that is rolled out: see [`crate::rollouts`].

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;
use writ_core::{ChainedEvent, Tenant};

use crate::error::{Failure, StoreError};
use crate::rollouts::{KnownRollout, NewRollout, RolloutEnd, RolloutStop};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::chains::Chains;
use crate::sqlite::policies::{PolicyChange, occasion};
use crate::sqlite::rows::{integer, number};

const ONE: &str = "SELECT id, number, plan, cause, author, comment, at_ms, ended
    FROM policy_rollouts WHERE tenant = ?";
const IS_THERE: &str = "SELECT number FROM policy_sets WHERE tenant = ?1 AND number = ?2";
const BEGIN: &str = "INSERT INTO policy_rollouts
        (tenant, id, number, plan, cause, author, comment, at_ms, ended, changes)
    VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, 1)
    ON CONFLICT DO UPDATE SET
        id = id + 1, number = excluded.number, plan = excluded.plan, cause = excluded.cause,
        author = excluded.author, comment = excluded.comment, at_ms = excluded.at_ms,
        ended = NULL, changes = changes + 1
    RETURNING id";
const END: &str = "UPDATE policy_rollouts SET ended = ?2, changes = changes + 1
    WHERE tenant = ?1 AND id = ?3 AND ended IS NULL";

impl Sqlite {
    pub(crate) async fn begin_rollout(&self, new: NewRollout) -> Result<Option<u64>, StoreError> {
        let (id, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::RollOut(Box::new(new), id)).await?;
        Ok(told.try_recv().ok())
    }

    pub(crate) async fn end_rollout(&self, stop: RolloutStop) -> Result<bool, StoreError> {
        let (has_ended, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::EndRollout(Box::new(stop), has_ended)).await?;
        Ok(told.try_recv().unwrap_or_default())
    }

    pub(crate) async fn rollout(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<KnownRollout>, StoreError> {
        let query = sqlx::query(ONE).bind(tenant.as_str());
        let row = query.fetch_optional(&self.inner.shared.readers).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(rollout).transpose().map_err(Failure::from)?)
    }
}

/// Begins a rollout; none where there is no such version.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    new: NewRollout,
) -> Result<Option<(u64, Vec<ChainedEvent>)>, sqlx::Error> {
    let NewRollout { tenant, number: version, plan, occasion, at_ms, evidence, replaces } = new;
    let known = sqlx::query(IS_THERE).bind(tenant.as_str()).bind(integer(version));
    if known.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(None);
    }
    let mut events = Vec::new();
    if let Some(before) = going_on(connection, &tenant).await? {
        events.extend(end(connection, chains, &tenant, (before, replaces)).await?);
    }
    let row = sqlx::query(BEGIN)
        .bind(tenant.as_str())
        .bind(integer(version))
        .bind(&plan)
        .bind(&occasion.trigger)
        .bind(occasion.by.as_ref().map(|by| by.as_str()))
        .bind(&occasion.comment)
        .bind(integer(at_ms))
        .fetch_one(&mut *connection)
        .await?;
    events.push(chains.head(connection, &tenant).await?.append(evidence));
    Ok(Some((number(&row, "id")?, events)))
}

/// Ends a rollout that goes on; none where it does not.
pub(super) async fn stop(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    stop: RolloutStop,
) -> Result<Option<Vec<ChainedEvent>>, sqlx::Error> {
    let RolloutStop { tenant, id, end: how } = stop;
    let rollout = going_on(connection, &tenant).await?.filter(|rollout| rollout.id == id);
    let Some(rollout) = rollout else { return Ok(None) };
    Ok(Some(end(connection, chains, &tenant, (rollout, how)).await?))
}

/// Ends the rollout of a version that decides from now on, where there is one.
pub(super) async fn promoted(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    tenant: &Tenant,
    (version, how): (u64, RolloutEnd),
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    let rollout = going_on(connection, tenant).await?.filter(|rollout| rollout.number == version);
    match rollout {
        Some(rollout) => end(connection, chains, tenant, (rollout, how)).await,
        None => Ok(Vec::new()),
    }
}

async fn going_on(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
) -> Result<Option<KnownRollout>, sqlx::Error> {
    let row = sqlx::query(ONE).bind(tenant.as_str()).fetch_optional(connection).await?;
    let found = row.as_ref().map(rollout).transpose()?;
    Ok(found.filter(KnownRollout::goes_on))
}

async fn end(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    tenant: &Tenant,
    (rollout, how): (KnownRollout, RolloutEnd),
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    let RolloutEnd { ended, evidence } = how;
    let query = sqlx::query(END).bind(tenant.as_str()).bind(ended).bind(integer(rollout.id));
    query.execute(&mut *connection).await?;
    match evidence(&rollout) {
        Some(evidence) => Ok(vec![chains.head(connection, tenant).await?.append(evidence)]),
        None => Ok(Vec::new()),
    }
}

fn rollout(row: &SqliteRow) -> Result<KnownRollout, sqlx::Error> {
    Ok(KnownRollout {
        id: number(row, "id")?,
        number: number(row, "number")?,
        plan: row.try_get("plan")?,
        occasion: occasion(row)?,
        at_ms: number(row, "at_ms")?,
        ended: row.try_get("ended")?,
    })
}
