//! Channels: one row each.

use sqlx::postgres::{PgConnection, PgRow};
use writ_core::Tenant;

use super::backend::Postgres;
use super::rows::{integer, name, number, text};
use super::scope::{Access, Scope};
use super::text::kept;
use super::{answer_links, letters};
use crate::channels::{
    ChannelChange, ChannelId, ChannelLease, ChannelState, KnownChannel, Told, Untold,
};
use crate::error::StoreError;
use crate::letters::{DeadLetter, Unsent};

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
const FORGET: &str =
    "DELETE FROM channels WHERE tenant = $1 AND name = $2 AND lease_until_ms <= $3";
const ALL: &str = "SELECT name, next, lease_until_ms FROM channels WHERE tenant = $1 ORDER BY name";
const ONE: &str = "SELECT next, holder, fence FROM channels WHERE tenant = $1 AND name = $2";

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

    pub(crate) async fn channels(&self, tenant: &Tenant) -> Result<Vec<KnownChannel>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let rows = sqlx::query(ALL).bind(tenant.as_str()).fetch_all(&mut *view).await;
        let rows = rows.map_err(|error| self.inner.link.failed(error))?;
        let channels = rows.iter().map(known).collect::<Result<_, _>>();
        Ok(channels.map_err(|error| self.inner.link.failed(error))?)
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
        ChannelChange::Forget { channel, now_ms } => of(FORGET, channel).bind(integer(*now_ms)),
        ChannelChange::Advance { lease, told } => return advance(connection, lease, told).await,
        ChannelChange::Failed(letter) => return letters::failed(connection, letter).await,
        ChannelChange::Delivered { tenant, id } => {
            return letters::remove(connection, tenant, id).await;
        }
        ChannelChange::Linked(link) => return answer_links::keep(connection, link).await,
        ChannelChange::LinkSent { tenant, token } => {
            return answer_links::sent(connection, tenant, token).await;
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
    if let Some(Untold { id, sequence, attempts, error, at_ms }) = told.given_up.clone() {
        let (tenant, channel) = (channel.tenant.clone(), channel.name.clone());
        let unsent = Unsent::Event { channel, sequence };
        let letter = DeadLetter { id, tenant, unsent, attempts, error, at_ms };
        letters::put(&mut *connection, &letter).await?;
    }
    of(ADVANCE, channel).bind(integer(told.next)).execute(connection).await.map(drop)
}

fn known(row: &PgRow) -> Result<KnownChannel, sqlx::Error> {
    let leased_until_ms = number(row, "lease_until_ms")?;
    Ok(KnownChannel { name: name(row, "name")?, next: number(row, "next")?, leased_until_ms })
}

fn state(row: &PgRow) -> Result<ChannelState, sqlx::Error> {
    let (next, fence) = (number(row, "next")?, number(row, "fence")?);
    Ok(ChannelState { next, holder: text(row, "holder")?, fence })
}
