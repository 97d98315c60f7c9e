//! What the operator says of a channel, checked.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;
use standardwebhooks::Webhook;
use writ_core::ChannelName;

pub use super::delivery::Retry;
use crate::auth::Secret;
use crate::outbound::Reachable;

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

/// Somebody who takes HTTP requests.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where. Never shown: its path may be a secret.
    pub url: Url,
    /// Which addresses may be connected to.
    pub reachable: Reachable,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A receiver of CloudEvents.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// With which it knows who sends: see [`check_secret`].
    pub secret: Secret,
}

/// How short and how long the key of a signature may be, in bytes, as Standard Webhooks says.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Whether a text is a secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
pub fn check_secret(secret: &Secret) -> bool {
    use base64::Engine as _;
    let text = secret.expose().strip_prefix("whsec_");
    let key = text.map(|text| base64::engine::general_purpose::STANDARD.decode(text));
    let fits = key.is_some_and(|key| key.is_ok_and(|key| KEY_BYTES.contains(&key.len())));
    fits && Webhook::new(secret.expose()).is_ok()
}
