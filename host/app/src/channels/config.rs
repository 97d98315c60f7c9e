//! What the operator says of a channel, checked.

use std::collections::BTreeSet;

use writ_core::ChannelName;

pub use super::delivery::Retry;
use crate::auth::Secret;
use crate::outbound::Endpoint;

/// A channel, as `writ.toml` says it.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Its name, which no other channel has.
    pub name: ChannelName,
    /// The kinds of events that it tells; never empty.
    pub events: BTreeSet<&'static str>,
    /// How often and how long it tries.
    pub retry: Retry,
    /// Who is told.
    pub kind: Kind,
}

/// Who is told.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A system, over HTTP.
    Webhook(WebhookConfig),
}

/// A receiver of CloudEvents.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// With which it knows who sends: see [`crate::outbound::check_secret`].
    pub secret: Secret,
}
