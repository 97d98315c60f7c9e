//! The version that is rolled out: see [`crate::rollouts`].

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;

use super::backend::{Inner, Postgres};
use super::events;
use super::listener::SETS;
use super::policies::{self, HOLD, occasion};
use super::rows::{integer, number, text};
use super::scope::{Access, Scope};
use super::text::kept;
use crate::error::{Failure, StoreError};
use crate::rollouts::{KnownRollout, NewRollout, NotBegun, Overturned, RolloutEnd, RolloutStop};

const ONE: &str = "SELECT id, number, within, plan, cause, author, comment, at_ms, ended
    FROM policy_rollouts WHERE tenant = $1";
const IS_THERE: &str = "SELECT number FROM policy_sets WHERE tenant = $1 AND number = $2";
/// The listeners hear of it when the transaction is committed.
const BEGIN: &str = "WITH begun AS (
        INSERT INTO policy_rollouts AS rollout
            (tenant, id, number, plan, cause, author, comment, at_ms, within, ended, changes)
        VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $9, NULL, 1)
        ON CONFLICT (tenant) DO UPDATE SET
            id = rollout.id + 1, number = excluded.number, within = excluded.within, plan = excluded.plan,
            cause = excluded.cause, author = excluded.author, comment = excluded.comment,
            at_ms = excluded.at_ms, ended = NULL, changes = rollout.changes + 1
        RETURNING id
    )
    SELECT id, pg_notify($8, '')::text AS told FROM begun";
const END: &str = "WITH ended AS (
        UPDATE policy_rollouts SET ended = $2, changes = changes + 1
        WHERE tenant = $1 AND id = $3 AND ended IS NULL
    )
    SELECT pg_notify($4, '')";

impl Postgres {
    pub(crate) async fn begin_rollout(
        &self,
        new: NewRollout,
    ) -> Result<Result<u64, NotBegun>, StoreError> {
        let inner = self.inner.clone();
        // Who stops waiting does not take it back.
        let beginning = tokio::spawn(async move {
            inner.begin_rollout(new).await.map_err(|error| inner.link.failed(error))
        });
        Ok(beginning.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }

    pub(crate) async fn end_rollout(&self, stop: RolloutStop) -> Result<bool, StoreError> {
        let inner = self.inner.clone();
        let ending = tokio::spawn(async move {
            inner.end_rollout(stop).await.map_err(|error| inner.link.failed(error))
        });
        Ok(ending.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }

    pub(crate) async fn rollout(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<KnownRollout>, StoreError> {
        let query = sqlx::query(ONE).bind(tenant.as_str());
        let mut view = self.inner.link.read(tenant).await?;
        let row = query.fetch_optional(&mut *view).await.map_err(Failure::from)?;
        Ok(row.as_ref().map(rollout).transpose().map_err(Failure::from)?)
    }
}

impl Inner {
    async fn begin_rollout(&self, new: NewRollout) -> Result<Result<u64, NotBegun>, sqlx::Error> {
        let mut transaction = self.link.begin(Scope::Tenant(&new.tenant), Access::Write).await?;
        sqlx::query(HOLD).bind(new.tenant.as_str()).execute(&mut *transaction).await?;
        let known = sqlx::query(IS_THERE).bind(new.tenant.as_str()).bind(integer(new.number));
        let is_there = known.fetch_optional(&mut *transaction).await?.is_some();
        let active = policies::active_number(&mut transaction, &new.tenant).await?;
        if let Some(hindrance) = new.hindrance(is_there, active) {
            return Ok(Err(hindrance));
        }
        let NewRollout { tenant, number: version, within, plan, occasion, at_ms, .. } = new;
        let NewRollout { evidence, replaces, .. } = new;
        if let Some(before) = going_on(&mut transaction, &tenant).await? {
            end(&mut transaction, &tenant, (before, replaces)).await?;
        }
        let row = sqlx::query(BEGIN)
            .bind(tenant.as_str())
            .bind(integer(version))
            .bind(kept(&plan))
            .bind(kept(&occasion.trigger))
            .bind(occasion.by.as_ref().map(|by| kept(by.as_str())))
            .bind(kept(&occasion.comment))
            .bind(integer(at_ms))
            .bind(SETS)
            .bind(within.map(integer))
            .fetch_one(&mut *transaction)
            .await?;
        events::append(&mut transaction, &tenant, vec![evidence]).await?;
        transaction.commit().await?;
        Ok(Ok(number(&row, "id")?))
    }

    async fn end_rollout(&self, stop: RolloutStop) -> Result<bool, sqlx::Error> {
        let RolloutStop { tenant, id, end: how } = stop;
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        sqlx::query(HOLD).bind(tenant.as_str()).execute(&mut *transaction).await?;
        let found = going_on(&mut transaction, &tenant).await?;
        let Some(rollout) = found.filter(|rollout| rollout.id == id) else { return Ok(false) };
        end(&mut transaction, &tenant, (rollout, how)).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Ends the rollout that does not outlast that a version decides, where there is one. The caller holds
/// the tenant's policy set.
pub(super) async fn overturn(
    connection: &mut PgConnection,
    tenant: &Tenant,
    (chosen, promotes, overtakes): (u64, RolloutEnd, RolloutEnd),
) -> Result<(), sqlx::Error> {
    let Some(rollout) = going_on(connection, tenant).await? else { return Ok(()) };
    let how = match rollout.overturned_by(chosen) {
        None => return Ok(()),
        Some(Overturned::Promoted) => promotes,
        Some(Overturned::Overtaken) => overtakes,
    };
    end(connection, tenant, (rollout, how)).await
}

pub(super) async fn going_on(
    connection: &mut PgConnection,
    tenant: &Tenant,
) -> Result<Option<KnownRollout>, sqlx::Error> {
    let row = sqlx::query(ONE).bind(tenant.as_str()).fetch_optional(connection).await?;
    let found = row.as_ref().map(rollout).transpose()?;
    Ok(found.filter(KnownRollout::goes_on))
}

async fn end(
    connection: &mut PgConnection,
    tenant: &Tenant,
    (rollout, how): (KnownRollout, RolloutEnd),
) -> Result<(), sqlx::Error> {
    let RolloutEnd { ended, evidence } = how;
    let query = sqlx::query(END).bind(tenant.as_str()).bind(kept(&ended));
    query.bind(integer(rollout.id)).bind(SETS).execute(&mut *connection).await?;
    if let Some(evidence) = evidence(&rollout) {
        events::append(connection, tenant, vec![evidence]).await?;
    }
    Ok(())
}

fn rollout(row: &PgRow) -> Result<KnownRollout, sqlx::Error> {
    let ended: Option<String> = row.try_get("ended")?;
    Ok(KnownRollout {
        id: number(row, "id")?,
        number: number(row, "number")?,
        within: row.try_get::<Option<i64>, _>("within")?.map(i64::cast_unsigned),
        plan: text(row, "plan")?,
        occasion: occasion(row)?,
        at_ms: number(row, "at_ms")?,
        ended: ended.map(|_| text(row, "ended")).transpose()?,
    })
}
