//! `[[channel]]`: how people are told.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[[channel]]`: keys of all kinds; which of them belong to a kind is checked later.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Channel {
    pub(in crate::config) name: String,
    pub(in crate::config) kind: ChannelKind,
    pub(in crate::config) events: Vec<String>,
    pub(in crate::config) url: Option<String>,
    pub(in crate::config) url_file: Option<String>,
    pub(in crate::config) url_env: Option<String>,
    pub(in crate::config) secret_file: Option<String>,
    pub(in crate::config) secret_env: Option<String>,
    pub(in crate::config) relay: Option<String>,
    pub(in crate::config) tls: Option<RelayTls>,
    pub(in crate::config) user: Option<String>,
    pub(in crate::config) from: Option<String>,
    #[serde(default)]
    pub(in crate::config) people: BTreeMap<String, String>,
    #[serde(default)]
    pub(in crate::config) groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(in crate::config) allowed_addresses: Vec<String>,
    #[serde(default = "Channel::timeout_ms")]
    pub(in crate::config) timeout_ms: u64,
    #[serde(default = "Channel::attempts_max")]
    pub(in crate::config) attempts_max: u32,
    #[serde(default = "Channel::backoff_ms")]
    pub(in crate::config) backoff_ms: u64,
    #[serde(default = "Channel::backoff_ms_max")]
    pub(in crate::config) backoff_ms_max: u64,
    #[serde(default = "Channel::give_up_after_ms")]
    pub(in crate::config) give_up_after_ms: u64,
}

/// `kind` of `[[channel]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum ChannelKind {
    Webhook,
    Slack,
    Mail,
}

impl ChannelKind {
    pub(in crate::config) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Mail => "mail",
        }
    }
}

/// `tls` of `[[channel]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum RelayTls {
    Starttls,
    Tls,
    None,
}

impl Channel {
    fn timeout_ms() -> u64 {
        10_000
    }

    fn attempts_max() -> u32 {
        12
    }

    fn backoff_ms() -> u64 {
        1_000
    }

    fn backoff_ms_max() -> u64 {
        300_000
    }

    fn give_up_after_ms() -> u64 {
        3_600_000
    }
}
