//! Channels: one row each.

use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use writ_core::Tenant;

use crate::channels::{
    ChannelChange, ChannelId, ChannelLease, ChannelState, KnownChannel, Told, Untold,
};
use crate::error::{Failure, StoreError};
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::sqlite::rows::{integer, name, number};
use crate::sqlite::{answer_links, letters};

impl Sqlite {
    pub(crate) async fn channel(
        &self,
        channel: &ChannelId,
    ) -> Result<Option<ChannelState>, StoreError> {
        let state = one(&self.inner.shared.readers, channel).await;
        Ok(state.map_err(Failure::from)?)
    }

    pub(crate) async fn channels(&self, tenant: &Tenant) -> Result<Vec<KnownChannel>, StoreError> {
        let query = sqlx::query(ALL).bind(tenant.as_str());
        let rows = query.fetch_all(&self.inner.shared.readers).await.map_err(Failure::from)?;
        let channels = rows.iter().map(known).collect::<Result<_, _>>();
        Ok(channels.map_err(Failure::from)?)
    }

    pub(crate) async fn change_channel(&self, change: ChannelChange) -> Result<(), StoreError> {
        let job = Job { channel: Some(Box::new(change)), ..Job::default() };
        Ok(self.inner.write(job).await?)
    }
}

/// Makes changes in their order.
pub(crate) async fn apply(
    connection: &mut SqliteConnection,
    changes: Vec<ChannelChange>,
) -> Result<(), sqlx::Error> {
    for change in changes {
        match change {
            ChannelChange::Open(channel) => open(connection, &channel).await?,
            ChannelChange::Lease { channel, holder, now_ms, until_ms } => {
                lease(connection, &channel, &holder, now_ms, until_ms).await?;
            }
            ChannelChange::Renew { lease, until_ms } => renew(connection, &lease, until_ms).await?,
            ChannelChange::Advance { lease, told } => advance(connection, &lease, told).await?,
            ChannelChange::Forget { channel, now_ms } => {
                forget(connection, &channel, now_ms).await?;
            }
            ChannelChange::Failed(letter) => letters::failed(connection, letter).await?,
            ChannelChange::Delivered { tenant, id } => {
                letters::remove(connection, &tenant, &id).await?;
            }
            ChannelChange::Linked(link) => answer_links::keep(connection, *link).await?,
            ChannelChange::LinkSent { tenant, token } => {
                answer_links::sent(connection, &tenant, &token).await?;
            }
        }
    }
    Ok(())
}

async fn open(connection: &mut SqliteConnection, channel: &ChannelId) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO channels (tenant, name, next, holder, lease_until_ms, fence)
               SELECT ?1, ?2, coalesce(max(sequence), 0) + 1, '', 0, 0
               FROM events WHERE tenant = ?1
               ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql).bind(channel.tenant.as_str()).bind(channel.name.as_str());
    query.execute(connection).await?;
    Ok(())
}

async fn lease(
    connection: &mut SqliteConnection,
    channel: &ChannelId,
    holder: &str,
    now_ms: u64,
    until_ms: u64,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE channels SET holder = ?, lease_until_ms = ?, fence = fence + 1
               WHERE tenant = ? AND name = ? AND lease_until_ms <= ?";
    sqlx::query(sql)
        .bind(holder)
        .bind(integer(until_ms))
        .bind(channel.tenant.as_str())
        .bind(channel.name.as_str())
        .bind(integer(now_ms))
        .execute(connection)
        .await?;
    Ok(())
}

async fn renew(
    connection: &mut SqliteConnection,
    lease: &ChannelLease,
    until_ms: u64,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE channels SET lease_until_ms = ? WHERE tenant = ? AND name = ? AND fence = ?";
    sqlx::query(sql)
        .bind(integer(until_ms))
        .bind(lease.channel.tenant.as_str())
        .bind(lease.channel.name.as_str())
        .bind(integer(lease.fence))
        .execute(connection)
        .await?;
    Ok(())
}

/// The letter goes in before the place moves on: both stand under the same condition.
async fn advance(
    connection: &mut SqliteConnection,
    lease: &ChannelLease,
    told: Told,
) -> Result<(), sqlx::Error> {
    let ChannelLease { channel, fence } = lease;
    if let Some(Untold { id, sequence, attempts, error, at_ms }) = told.given_up {
        let sql = "INSERT INTO dead_letters (tenant, id, channel, sequence, attempts, error, at_ms)
                   SELECT tenant, ?, name, ?, ?, ?, ? FROM channels
                   WHERE tenant = ? AND name = ? AND fence = ? AND next <= ?";
        sqlx::query(sql)
            .bind(id)
            .bind(integer(sequence))
            .bind(integer(attempts))
            .bind(error)
            .bind(integer(at_ms))
            .bind(channel.tenant.as_str())
            .bind(channel.name.as_str())
            .bind(integer(*fence))
            .bind(integer(sequence))
            .execute(&mut *connection)
            .await?;
    }
    let sql = "UPDATE channels SET next = ?1
               WHERE tenant = ?2 AND name = ?3 AND fence = ?4 AND next < ?1";
    sqlx::query(sql)
        .bind(integer(told.next))
        .bind(channel.tenant.as_str())
        .bind(channel.name.as_str())
        .bind(integer(*fence))
        .execute(connection)
        .await?;
    Ok(())
}

async fn forget(
    connection: &mut SqliteConnection,
    channel: &ChannelId,
    now_ms: u64,
) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM channels WHERE tenant = ? AND name = ? AND lease_until_ms <= ?";
    let query = sqlx::query(sql).bind(channel.tenant.as_str()).bind(channel.name.as_str());
    query.bind(integer(now_ms)).execute(connection).await?;
    Ok(())
}

fn known(row: &SqliteRow) -> Result<KnownChannel, sqlx::Error> {
    Ok(KnownChannel {
        name: name(row, "name")?,
        next: number(row, "next")?,
        leased_until_ms: number(row, "lease_until_ms")?,
    })
}

pub(super) const ALL: &str =
    "SELECT name, next, lease_until_ms FROM channels WHERE tenant = ? ORDER BY name";
pub(super) const ONE: &str =
    "SELECT next, holder, fence FROM channels WHERE tenant = ? AND name = ?";
/// Where a channel stands, as far as that is durable.
async fn one(
    readers: &SqlitePool,
    channel: &ChannelId,
) -> Result<Option<ChannelState>, sqlx::Error> {
    let query = sqlx::query(ONE).bind(channel.tenant.as_str()).bind(channel.name.as_str());
    let Some(row) = query.fetch_optional(readers).await? else { return Ok(None) };
    let (next, fence) = (number(&row, "next")?, number(&row, "fence")?);
    Ok(Some(ChannelState { next, holder: row.try_get("holder")?, fence }))
}
