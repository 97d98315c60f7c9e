//! What the operator says of a channel, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use reqwest::Url;
use writ_core::{ChannelName, Person};

pub use super::delivery::Retry;
pub use super::people::Groups;
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
    /// People, in Slack.
    Slack(SlackConfig),
    /// People, by mail.
    Mail(MailConfig),
}

/// A receiver of CloudEvents.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// With which it knows who sends: see [`crate::outbound::check_secret`].
    pub secret: Secret,
}

/// A channel in Slack.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// The incoming webhook.
    pub endpoint: Endpoint,
    /// With which Slack signs what it sends.
    pub signing_secret: Secret,
    /// Who each Slack user is here, by the user's id.
    pub people: BTreeMap<String, Person>,
    /// Who of them is in which group.
    pub groups: Groups,
}

/// Letters to people who are asked something.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// Who takes letters.
    pub relay: Relay,
    /// From whom they are.
    pub from: Mailbox,
    /// How this host is called from where letters are read.
    pub public_url: Url,
    /// Who is reached where.
    pub people: BTreeMap<Person, Address>,
    /// Who of them is in which group.
    pub groups: Groups,
}

/// An SMTP server that takes letters to anybody.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its name, which its certificate must have; or its address.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// How nobody in between reads the letters.
    pub security: Security,
    /// Who this host is there, and how it shows that.
    pub credentials: Option<(String, Secret)>,
    /// How long one letter may take.
    pub timeout: Duration,
}

/// How nobody between this host and a relay reads the letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS once the relay has been greeted (RFC 3207); without it, nothing is sent.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// The relay is on this machine.
    None,
}
