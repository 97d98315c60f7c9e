//! Channels: people and systems are told what happens to executions and approvals.
//!
//! The chain of events is the outbox. A channel is a place in it that moves on only when the
//! receiver has confirmed an event, or when that is given up and becomes a dead letter. So
//! everything is told at least once, in order, and always under the same id; a receiver that is
//! slow or gone stops its own channel alone. What is told is a [`Notice`]: never arguments, results
//! or context.

pub mod config;
mod courier;
mod delivery;
mod invitation;
mod known;
mod letters;
mod mail;
mod notice;
mod people;
mod quoting;
mod slack;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use writ_core::{ChannelName, Tenant};
use writ_store::{ChannelId, Store, StoreError};

use config::{ChannelConfig, Kind};
use courier::Courier;
use delivery::{Receiver, Retry};
pub use invitation::{Invitation, Unanswered};
pub use known::ForgetError;
pub use letters::LetterError;
use mail::Mail;
pub use mail::{LinkError, Linked};
use notice::Notice;
use slack::Slack;
pub use slack::{Signed, SlackRefused};
use webhook::Webhook;

/// The channels of one tenant. Cheap to clone.
#[derive(Clone)]
pub struct Channels {
    store: Store,
    tenant: Tenant,
    channels: Arc<BTreeMap<ChannelName, Arc<Channel>>>,
}

/// One channel: what it tells, to whom, and how patiently.
struct Channel {
    id: ChannelId,
    events: BTreeSet<&'static str>,
    retry: Retry,
    receiver: Receiver,
}

/// The tasks that tell, one a channel. Dropping them stops them.
#[derive(Debug)]
pub struct Couriers {
    tasks: JoinSet<()>,
    stop: watch::Sender<()>,
}

/// A channel cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// What sends over HTTP cannot be set up.
    #[error("the channel `{0}` cannot send: {1}")]
    Client(ChannelName, reqwest::Error),
    /// What sends letters cannot be set up.
    #[error("the channel `{0}` cannot send: {1}")]
    Relay(ChannelName, lettre::transport::smtp::Error),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Channels {
    /// Opens the channels of a tenant. One that is new begins with what happens next.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub async fn open(
        store: Store,
        tenant: Tenant,
        configs: &[ChannelConfig],
    ) -> Result<Self, ChannelError> {
        let mut channels = BTreeMap::new();
        for config in configs {
            let id = ChannelId { tenant: tenant.clone(), name: config.name.clone() };
            store.open_channel(&id).await?;
            let receiver = receiver(&store, &id, &config.kind)?;
            let (events, retry) = (config.events.clone(), config.retry);
            channels.insert(id.name.clone(), Arc::new(Channel { id, events, retry, receiver }));
        }
        Ok(Self { store, tenant, channels: Arc::new(channels) })
    }

    /// Starts telling, on every channel.
    pub fn start(&self) -> Couriers {
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        for channel in self.channels.values() {
            let courier = Courier::new(self.store.clone(), channel.clone());
            tasks.spawn(courier.run(stopped.clone()));
        }
        Couriers { tasks, stop }
    }
}

fn receiver(store: &Store, id: &ChannelId, kind: &Kind) -> Result<Receiver, ChannelError> {
    let name = || id.name.clone();
    Ok(match kind {
        Kind::Webhook(webhook) => {
            let opened = Webhook::new(webhook);
            Receiver::Webhook(opened.map_err(|error| ChannelError::Client(name(), error))?)
        }
        Kind::Slack(slack) => {
            let opened = Slack::new(slack);
            let opened = opened.map_err(|error| ChannelError::Client(name(), error))?;
            Receiver::Slack(Arc::new(opened))
        }
        Kind::Mail(mail) => {
            let opened = Mail::new(store.clone(), id.clone(), mail);
            Receiver::Mail(Box::new(opened.map_err(|error| ChannelError::Relay(name(), error))?))
        }
    })
}

impl Couriers {
    /// Ends. What was sent and not yet confirmed is sent again by whoever comes next.
    pub async fn stop(mut self) {
        drop(self.stop);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a channel ended by itself");
            }
        }
    }
}
