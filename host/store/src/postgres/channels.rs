//! Channels and dead letters: one row each.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;

use super::backend::Postgres;
use super::rows::{integer, name, number, text};
use super::scope::{Access, Scope};
use super::text::kept;
use crate::channels::{ChannelChange, ChannelId, ChannelLease, ChannelState, DeadLetter, Told};
use crate::error::StoreError;
use crate::row::END;

const OPEN: &str = "INSERT INTO channels (tenant, name, next, holder, lease_until_ms, fence)
    VALUES ($1, $2, coalesce((SELECT sequence FROM chains WHERE tenant = $1), 0) + 1, '', 0, 0)
    ON CONFLICT DO NOTHING";
const LEASE: &str = "UPDATE channels SET holder = $3, lease_until_ms = $4, fence = fence + 1
    WHERE tenant = $1 AND name = $2 AND lease_until_ms <= $5";
const RENEW: &str =
    "UPDATE channels SET lease_until_ms = $4 WHERE tenant = $1 AND name = $2 AND fence = $3";
/// Held until the transaction ends: the letter and the place stand under the same condition.
const HOLD: &str = "SELECT next FROM channels
    WHERE tenant = $1 AND name = $2 AND fence = $3 AND next < $4 FOR UPDATE";
const ADVANCE: &str = "UPDATE channels SET next = $3 WHERE tenant = $1 AND name = $2";
const GIVE_UP: &str = "INSERT INTO dead_letters
        (tenant, id, channel, sequence, attempts, error, at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FAILED: &str = "UPDATE dead_letters SET attempts = $3, error = $4, at_ms = $5
    WHERE tenant = $1 AND id = $2";
const DELIVERED: &str = "DELETE FROM dead_letters WHERE tenant = $1 AND id = $2";
const ONE: &str = "SELECT next, holder, fence FROM channels WHERE tenant = $1 AND name = $2";
const DEAD_LETTERS: &str =
    "SELECT * FROM dead_letters WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const DEAD_LETTER: &str = "SELECT * FROM dead_letters WHERE tenant = $1 AND id = $2";

impl Postgres {
    pub(crate) async fn channel(
        &self,
        channel: &ChannelId,
    ) -> Result<Option<ChannelState>, StoreError> {
        let mut view = self.inner.link.read(&channel.tenant).await?;
        let query = sqlx::query(ONE).bind(channel.tenant.as_str()).bind(channel.name.as_str());
        let row = query.fetch_optional(&mut *view).await;
        let row = row.map_err(|error| self.inner.link.failed(error))?;
        let state = row.as_ref().map(state).transpose();
        Ok(state.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn change_channel(&self, change: ChannelChange) -> Result<(), StoreError> {
        let tenant = change.tenant().clone();
        let changed = async {
            let begun = self.inner.link.begin(Scope::Tenant(&tenant), Access::Write).await;
            let mut transaction = begun?;
            apply(&mut transaction, change).await?;
            transaction.commit().await
        };
        Ok(changed.await.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn dead_letters(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let query = sqlx::query(DEAD_LETTERS).bind(tenant.as_str());
        let query = query.bind(kept(before.unwrap_or(END))).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *view).await;
        let rows = rows.map_err(|error| self.inner.link.failed(error))?;
        let letters: Result<_, _> = rows.iter().map(letter).collect();
        Ok(letters.map_err(|error| self.inner.link.failed(error))?)
    }

    pub(crate) async fn dead_letter(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let query = sqlx::query(DEAD_LETTER).bind(tenant.as_str()).bind(kept(id));
        let row = query.fetch_optional(&mut *view).await;
        let row = row.map_err(|error| self.inner.link.failed(error))?;
        let letter = row.as_ref().map(letter).transpose();
        Ok(letter.map_err(|error| self.inner.link.failed(error))?)
    }
}

async fn apply(connection: &mut PgConnection, change: ChannelChange) -> Result<(), sqlx::Error> {
    let query = match &change {
        ChannelChange::Open(channel) => of(OPEN, channel),
        ChannelChange::Lease { channel, holder, now_ms, until_ms } => {
            of(LEASE, channel).bind(kept(holder)).bind(integer(*until_ms)).bind(integer(*now_ms))
        }
        ChannelChange::Renew { lease, until_ms } => {
            of(RENEW, &lease.channel).bind(integer(lease.fence)).bind(integer(*until_ms))
        }
        ChannelChange::Advance { lease, told } => return advance(connection, lease, told).await,
        ChannelChange::Failed(letter) => sqlx::query(FAILED)
            .bind(letter.tenant.as_str())
            .bind(kept(&letter.id))
            .bind(i64::from(letter.attempts))
            .bind(kept(&letter.error))
            .bind(integer(letter.at_ms)),
        ChannelChange::Delivered { tenant, id } => {
            sqlx::query(DELIVERED).bind(tenant.as_str()).bind(kept(id))
        }
    };
    query.execute(connection).await.map(drop)
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn of<'q>(sql: &'static str, channel: &'q ChannelId) -> Query<'q> {
    sqlx::query(sql).bind(channel.tenant.as_str()).bind(channel.name.as_str())
}

async fn advance(
    connection: &mut PgConnection,
    lease: &ChannelLease,
    told: &Told,
) -> Result<(), sqlx::Error> {
    let ChannelLease { channel, fence } = lease;
    let held = of(HOLD, channel).bind(integer(*fence)).bind(integer(told.next));
    if held.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(());
    }
    if let Some(letter) = &told.dead {
        sqlx::query(GIVE_UP)
            .bind(letter.tenant.as_str())
            .bind(kept(&letter.id))
            .bind(letter.channel.as_str())
            .bind(integer(letter.sequence))
            .bind(i64::from(letter.attempts))
            .bind(kept(&letter.error))
            .bind(integer(letter.at_ms))
            .execute(&mut *connection)
            .await?;
    }
    of(ADVANCE, channel).bind(integer(told.next)).execute(connection).await.map(drop)
}

fn state(row: &PgRow) -> Result<ChannelState, sqlx::Error> {
    let (next, fence) = (number(row, "next")?, number(row, "fence")?);
    Ok(ChannelState { next, holder: text(row, "holder")?, fence })
}

fn letter(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(DeadLetter {
        id: text(row, "id")?,
        tenant: name(row, "tenant")?,
        channel: name(row, "channel")?,
        sequence: number(row, "sequence")?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        error: text(row, "error")?,
        at_ms: number(row, "at_ms")?,
    })
}
