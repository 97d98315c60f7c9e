//! The version that is rolled out: see [`crate::rollouts`].

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;
use writ_core::{ChainedEvent, Tenant};

use crate::error::{Failure, StoreError};
use crate::rollouts::{KnownRollout, NewRollout, NotBegun, Overturned, RolloutEnd, RolloutStop};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::chains::Chains;
use crate::sqlite::policies::{self, PolicyChange, occasion};
use crate::sqlite::rows::{integer, number};

const ONE: &str = "SELECT id, number, within, plan, cause, author, comment, at_ms, ended
    FROM policy_rollouts WHERE tenant = ?";
const IS_THERE: &str = "SELECT number FROM policy_sets WHERE tenant = ?1 AND number = ?2";
const BEGIN: &str = "INSERT INTO policy_rollouts
        (tenant, id, number, plan, cause, author, comment, at_ms, within, ended, changes)
    VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, 1)
    ON CONFLICT DO UPDATE SET
        id = id + 1, number = excluded.number, within = excluded.within, plan = excluded.plan, cause = excluded.cause,
        author = excluded.author, comment = excluded.comment, at_ms = excluded.at_ms,
        ended = NULL, changes = changes + 1
    RETURNING id";
const END: &str = "UPDATE policy_rollouts SET ended = ?2, changes = changes + 1
    WHERE tenant = ?1 AND id = ?3 AND ended IS NULL";

impl Sqlite {
    pub(crate) async fn begin_rollout(
        &self,
        new: NewRollout,
    ) -> Result<Result<u64, NotBegun>, StoreError> {
        let (id, mut told) = oneshot::channel();
        self.change_policies(PolicyChange::RollOut(Box::new(new), id)).await?;
        Ok(told.try_recv().map_err(|_| Failure::closed())?)
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

/// Begins a rollout, or tells why it does not begin.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    new: NewRollout,
) -> Result<Result<(u64, Vec<ChainedEvent>), NotBegun>, sqlx::Error> {
    let known = sqlx::query(IS_THERE).bind(new.tenant.as_str()).bind(integer(new.number));
    let is_there = known.fetch_optional(&mut *connection).await?.is_some();
    let active = policies::active_number(connection, &new.tenant).await?;
    if let Some(hindrance) = new.hindrance(is_there, active) {
        return Ok(Err(hindrance));
    }
    let NewRollout { tenant, number: version, within, plan, occasion, at_ms, .. } = new;
    let NewRollout { evidence, replaces, .. } = new;
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
        .bind(within.map(integer))
        .fetch_one(&mut *connection)
        .await?;
    events.push(chains.head(connection, &tenant).await?.append(evidence));
    Ok(Ok((number(&row, "id")?, events)))
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

/// Ends the rollout that does not outlast that a version decides, where there is one.
pub(super) async fn overturn(
    connection: &mut SqliteConnection,
    chains: &mut Chains,
    tenant: &Tenant,
    (chosen, promotes, overtakes): (u64, RolloutEnd, RolloutEnd),
) -> Result<Vec<ChainedEvent>, sqlx::Error> {
    let Some(rollout) = going_on(connection, tenant).await? else { return Ok(Vec::new()) };
    let how = match rollout.overturned_by(chosen) {
        None => return Ok(Vec::new()),
        Some(Overturned::Promoted) => promotes,
        Some(Overturned::Overtaken) => overtakes,
    };
    end(connection, chains, tenant, (rollout, how)).await
}

pub(super) async fn going_on(
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
        within: row.try_get::<Option<i64>, _>("within")?.map(i64::cast_unsigned),
        plan: row.try_get("plan")?,
        occasion: occasion(row)?,
        at_ms: number(row, "at_ms")?,
        ended: row.try_get("ended")?,
    })
}
