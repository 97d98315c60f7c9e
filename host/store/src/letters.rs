//! Dead letters: what was given up, until an operator sends it again.
//!
//! An event becomes one in the transaction in which its channel moves on past it. A call of an
//! endpoint is one for as long as its execution is given up
//! ([`Execution::given_up`](writ_core::Execution::given_up)): the letter is written and removed in the
//! transaction of that step, under the execution's id.

use writ_core::{BindingName, ChannelName, Tenant};

use crate::channels::ChannelChange;
use crate::error::StoreError;
use crate::execution::PAGE_MAX;
use crate::port::on;
use crate::store::Store;

/// Something that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// A UUID version 7 (RFC 9562); of a call, its execution's.
    pub id: String,
    /// Whose.
    pub tenant: Tenant,
    /// What was to be sent, and to whom.
    pub unsent: Unsent,
    /// How often it was tried.
    pub attempts: u64,
    /// Why the last attempt failed.
    pub error: String,
    /// When that was, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// What was to be sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// An event, to a channel.
    Event {
        /// Which channel.
        channel: ChannelName,
        /// The event's place in the tenant's chain.
        sequence: u64,
    },
    /// The action of an execution, to an endpoint.
    Call {
        /// Which endpoint.
        endpoint: BindingName,
    },
}

impl Store {
    /// A tenant's dead letters, newest first, at most `limit` (and [`PAGE_MAX`]) of those before an
    /// id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn dead_letters_page(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        on!(self, backend => backend.dead_letters(tenant, before, limit).await)
    }

    /// One dead letter of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn dead_letter(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<DeadLetter>, StoreError> {
        on!(self, backend => backend.dead_letter(tenant, id).await)
    }

    /// How many dead letters a tenant has.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_dead_letters(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        on!(self, backend => backend.count_dead_letters(tenant).await)
    }

    /// Notes that a dead letter was tried again in vain.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_dead_letter(&self, letter: DeadLetter) -> Result<(), StoreError> {
        self.change_channel(ChannelChange::Failed(letter)).await
    }

    /// Removes a dead letter: it was told after all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_dead_letter(&self, tenant: &Tenant, id: &str) -> Result<(), StoreError> {
        let change = ChannelChange::Delivered { tenant: tenant.clone(), id: id.to_owned() };
        self.change_channel(change).await
    }
}
