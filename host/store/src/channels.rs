//! Channels: how far each has told a tenant's events to others, and who tells them now.
//!
//! An event is in the chain in the same transaction as the transition that it tells, so the chain
//! is the outbox, and a channel is a place in it. One host at a time tells: it holds a lease, and a
//! fence that nobody held before. A place moves on only under the fence that it was leased with.

use writ_core::{ChannelName, Digest, Tenant};

use crate::answer_links::AnswerLink;
use crate::error::StoreError;
use crate::letters::DeadLetter;
use crate::port::on;
use crate::store::Store;

/// Names a channel of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelId {
    /// Whose events it tells.
    pub tenant: Tenant,
    /// Which of the tenant's channels.
    pub name: ChannelName,
}

/// Where a channel stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// The place of the first event that is still to be told, from 1.
    pub next: u64,
    /// Who leased it last; empty where nobody has yet.
    pub holder: String,
    /// The last lease's number, from 1; 0 where there was none.
    pub fence: u64,
}

/// A channel that was opened once, whether or not anybody still tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownChannel {
    /// Which.
    pub name: ChannelName,
    /// The place of the first event that is still to be told, from 1.
    pub next: u64,
    /// Until when somebody has it leased, in milliseconds since the Unix epoch; 0 where nobody has.
    pub leased_until_ms: u64,
}

/// The right to tell a channel's events, for as long as nobody leases it after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLease {
    /// Which channel.
    pub channel: ChannelId,
    /// The lease's number.
    pub fence: u64,
}

/// How far a channel has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The place of the first event that is still to be told. A channel never goes back.
    pub next: u64,
    /// The event that is given up with this, where one is. It becomes a dead letter.
    pub given_up: Option<Untold>,
}

/// An event that a channel could not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// The dead letter's id: a UUID version 7 (RFC 9562).
    pub id: String,
    /// The event's place in the tenant's chain.
    pub sequence: u64,
    /// How often it was tried.
    pub attempts: u64,
    /// Why the last attempt failed.
    pub error: String,
    /// When that was, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// What becomes of a channel, a dead letter or a link in a letter.
#[derive(Debug)]
pub(crate) enum ChannelChange {
    Open(ChannelId),
    Lease { channel: ChannelId, holder: String, now_ms: u64, until_ms: u64 },
    Renew { lease: ChannelLease, until_ms: u64 },
    Advance { lease: ChannelLease, told: Told },
    Forget { channel: ChannelId, now_ms: u64 },
    Failed(DeadLetter),
    Delivered { tenant: Tenant, id: String },
    Linked(Box<AnswerLink>),
    LinkSent { tenant: Tenant, token: Digest },
}

impl ChannelChange {
    /// Whose.
    pub(crate) fn tenant(&self) -> &Tenant {
        match self {
            Self::Open(channel) | Self::Lease { channel, .. } | Self::Forget { channel, .. } => {
                &channel.tenant
            }
            Self::Renew { lease, .. } | Self::Advance { lease, .. } => &lease.channel.tenant,
            Self::Failed(letter) => &letter.tenant,
            Self::Delivered { tenant, .. } | Self::LinkSent { tenant, .. } => tenant,
            Self::Linked(link) => &link.channel.tenant,
        }
    }
}

impl Store {
    /// Keeps a place for a channel. One that is new begins with what happens next; one that is
    /// known stays where it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_channel(&self, channel: &ChannelId) -> Result<(), StoreError> {
        self.change_channel(ChannelChange::Open(channel.clone())).await
    }

    /// Where a channel stands; none where it was never opened.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn channel(&self, channel: &ChannelId) -> Result<Option<ChannelState>, StoreError> {
        on!(self, backend => backend.channel(channel).await)
    }

    /// Leases a channel to a holder until a time, if nobody has it at `now_ms` (both in
    /// milliseconds since the Unix epoch). `holder` must be a name that no other process uses.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lease_channel(
        &self,
        channel: &ChannelId,
        holder: &str,
        now_ms: u64,
        until_ms: u64,
    ) -> Result<Option<ChannelLease>, StoreError> {
        let (holder, of) = (holder.to_owned(), channel.clone());
        let change = ChannelChange::Lease { channel: of, holder: holder.clone(), now_ms, until_ms };
        self.change_channel(change).await?;
        let state = self.channel(channel).await?.filter(|state| state.holder == holder);
        Ok(state.map(|state| ChannelLease { channel: channel.clone(), fence: state.fence }))
    }

    /// Moves a lease's end. Tells whether the lease still holds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn renew_channel(
        &self,
        lease: &ChannelLease,
        until_ms: u64,
    ) -> Result<bool, StoreError> {
        self.change_channel(ChannelChange::Renew { lease: lease.clone(), until_ms }).await?;
        self.holds(lease).await
    }

    /// Moves a channel on, together with the event that is given up. Tells whether the lease still
    /// holds: where it does not, nothing may have changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn advance_channel(
        &self,
        lease: &ChannelLease,
        told: Told,
    ) -> Result<bool, StoreError> {
        self.change_channel(ChannelChange::Advance { lease: lease.clone(), told }).await?;
        self.holds(lease).await
    }

    /// Every channel of a tenant, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn channels(&self, tenant: &Tenant) -> Result<Vec<KnownChannel>, StoreError> {
        on!(self, backend => backend.channels(tenant).await)
    }

    /// Gives a channel up, unless somebody has it leased at `now_ms` (in milliseconds since the Unix
    /// epoch). Tells whether it is gone. Its dead letters stay as long as others do.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_channel(
        &self,
        channel: &ChannelId,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        self.change_channel(ChannelChange::Forget { channel: channel.clone(), now_ms }).await?;
        Ok(self.channel(channel).await?.is_none())
    }

    async fn holds(&self, lease: &ChannelLease) -> Result<bool, StoreError> {
        let state = self.channel(&lease.channel).await?;
        Ok(state.is_some_and(|state| state.fence == lease.fence))
    }

    pub(crate) async fn change_channel(&self, change: ChannelChange) -> Result<(), StoreError> {
        on!(self, backend => backend.change_channel(change).await)
    }
}
