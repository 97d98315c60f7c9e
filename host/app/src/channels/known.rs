//! Which channels there are, and giving one up that nobody tells any more: until then, retention keeps
//! every event that it has not told.

use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::{ChannelName, Digest, Principal};
use writ_store::{ChannelId, KnownChannel, StoreError};

use super::Channels;
use crate::clock::now_ms;

/// A channel is not given up.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// There is none of this name.
    #[error("there is no channel `{0}`")]
    NotFound(String),
    /// It is told by this host, or by another one.
    #[error("this host's configuration has `{0}`, or another host tells it")]
    InUse(ChannelName),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Channels {
    /// Every channel that was ever opened and not given up, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn known(&self, by: &Principal) -> Result<Vec<KnownChannel>, StoreError> {
        self.store.channels(&by.tenant).await
    }

    /// Whether this host's configuration has a channel.
    pub fn is_configured(&self, name: &ChannelName) -> bool {
        self.channels.contains_key(name)
    }

    /// Gives a channel up, which the chain of events tells.
    ///
    /// # Errors
    /// [`ForgetError`]
    pub async fn forget(&self, by: &Principal, name: &str) -> Result<(), ForgetError> {
        let known = self.known(by).await?;
        let found = known.into_iter().find(|known| known.name.as_str() == name);
        let KnownChannel { name, next, leased_until_ms } =
            found.ok_or_else(|| ForgetError::NotFound(name.to_owned()))?;
        let now_ms = now_ms();
        if self.is_configured(&name) || leased_until_ms > now_ms {
            return Err(ForgetError::InUse(name));
        }
        // Before it is gone: what is told and did not happen can be seen, the other way it could not.
        let fact =
            Fact::ChannelForgotten { channel: name.to_string(), next, by: by.person.clone() };
        let about = Digest::of(name.as_str());
        self.store.tell(&by.tenant, Evidence::of_tenant(now_ms, about, fact)).await?;
        let id = ChannelId { tenant: by.tenant.clone(), name: name.clone() };
        match self.store.forget_channel(&id, now_ms).await? {
            true => Ok(()),
            false => Err(ForgetError::InUse(name)),
        }
    }
}
