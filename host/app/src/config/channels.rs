//! Who is told what happens: `[[channel]]`, checked.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;
use wildmatch::WildMatch;
use writ_core::ChannelName;
use writ_core::execution::Fact;

use super::document::{Document, Step, at};
use super::error::ConfigError;
use super::raw::{self, Refusal, in_range};
use super::root::Root;
use super::{environment, wording};
use crate::auth::Secret;
use crate::channels::config::{ChannelConfig, Endpoint, Kind, Retry, WebhookConfig, check_secret};
use crate::outbound::{Reachable, is_private};

/// How large a file with a secret may be, in bytes.
const SECRET_BYTES_MAX: u64 = 4 << 10;

pub(super) fn checked(
    raw: Vec<raw::Channel>,
    document: &Document,
    root: &Root,
) -> Result<Vec<ChannelConfig>, ConfigError> {
    let mut channels: Vec<ChannelConfig> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let channel = Raw { index, raw, root }.checked();
        let channel = channel.map_err(|(path, text)| document.error(&path, text))?;
        if channels.iter().any(|other| other.name == channel.name) {
            let text = format!(
                "another channel is named `{}`\nhint: its name is how a channel finds its place again; give each its own",
                channel.name
            );
            return Err(document.error(&at!["channel", index, "name"], text));
        }
        channels.push(channel);
    }
    Ok(channels)
}

/// A channel as it is written, and where.
struct Raw<'a> {
    index: usize,
    raw: &'a raw::Channel,
    root: &'a Root,
}

impl Raw<'_> {
    fn checked(&self) -> Result<ChannelConfig, Refusal> {
        let name = self.raw.name.parse::<ChannelName>();
        let name = name.map_err(|error| self.refused("name", &error))?;
        let (events, retry) = (self.events()?, self.retry()?);
        let kind = match self.raw.kind {
            raw::ChannelKind::Webhook => Kind::Webhook(self.webhook()?),
        };
        Ok(ChannelConfig { name, events, retry, kind })
    }

    /// Every kind of event that one of the globs names. A glob that names none is a mistake.
    fn events(&self) -> Result<BTreeSet<&'static str>, Refusal> {
        let mut events = BTreeSet::new();
        for (place, glob) in self.raw.events.iter().enumerate() {
            let pattern = WildMatch::new(glob);
            let named = Fact::KINDS.iter().filter(|kind| pattern.matches(kind));
            let before = events.len();
            events.extend(named.clone().copied());
            if before == events.len() && named.count() == 0 {
                let known = wording::suggest(glob, Fact::KINDS.iter().copied());
                let text = format!("no event is named `{glob}`\nhint: {known}");
                return Err((at!["channel", self.index, "events", place], text));
            }
        }
        if events.is_empty() {
            let text = "an empty list of events tells nothing\nhint: `[\"*\"]` tells everything, `[\"approval.*\"]` what people are asked and say";
            return Err(self.refused("events", &text));
        }
        Ok(events)
    }

    fn retry(&self) -> Result<Retry, Refusal> {
        let raw = self.raw;
        self.bounded("attempts-max", u64::from(raw.attempts_max), 1, 1_000)?;
        self.bounded("backoff-ms-max", raw.backoff_ms_max, 1, 86_400_000)?;
        self.bounded("backoff-ms", raw.backoff_ms, 1, raw.backoff_ms_max)?;
        self.bounded("give-up-after-ms", raw.give_up_after_ms, 1, 7 * 86_400_000)?;
        Ok(Retry {
            attempts_max: raw.attempts_max,
            backoff: Duration::from_millis(raw.backoff_ms),
            backoff_max: Duration::from_millis(raw.backoff_ms_max),
            total_max: Duration::from_millis(raw.give_up_after_ms),
        })
    }

    fn webhook(&self) -> Result<WebhookConfig, Refusal> {
        let text = self.raw.url.as_deref();
        let text = text.ok_or_else(|| self.missing("`url`, to which events are sent"))?;
        let endpoint = self.endpoint("url", text)?;
        let (key, secret) = self.secret()?;
        if !check_secret(&secret) {
            let text = "the secret is not `whsec_` and 24 to 64 random bytes in base64\nhint: make one with `echo whsec_$(openssl rand -base64 32)`";
            return Err(self.refused(key, &text));
        }
        Ok(WebhookConfig { endpoint, secret })
    }

    /// Where requests are sent. What is refused is not repeated: a path may be a secret.
    fn endpoint(&self, key: &str, text: &str) -> Result<Endpoint, Refusal> {
        let url = text.parse::<Url>();
        let url = url.map_err(|error| self.refused(key, &format!("this is no URL: {error}")))?;
        if !is_private(&url) {
            let text = "whoever is between could read what is sent there\nhint: use `https`; `http` is for this machine alone";
            return Err(self.refused(key, &text));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.refused(key, &"a URL must not hold a name or a password"));
        }
        let reachable = Reachable::new(&url, self.networks()?);
        if let Some(address) = reachable.refused(&url) {
            let text = format!(
                "`{address}` is not an address of the internet\nhint: list its network in `allowed-addresses`, if this host may call it"
            );
            return Err(self.refused(key, &text));
        }
        self.bounded("timeout-ms", self.raw.timeout_ms, 1, 60_000)?;
        Ok(Endpoint { url, reachable, timeout: Duration::from_millis(self.raw.timeout_ms) })
    }

    fn networks(&self) -> Result<Vec<ipnet::IpNet>, Refusal> {
        let listed = self.raw.allowed_addresses.iter().enumerate();
        let network = |(place, text): (usize, &String)| {
            text.parse::<ipnet::IpNet>().map_err(|_| {
                let text = format!("`{text}` is no network\nhint: write an address and how many of its bits count, such as `10.1.0.0/16`");
                (at!["channel", self.index, "allowed-addresses", place], text)
            })
        };
        listed.map(network).collect()
    }

    /// A secret, and the key that says where it is.
    fn secret(&self) -> Result<(&'static str, Secret), Refusal> {
        let (file, variable) = ("secret-file", "secret-env");
        match (&self.raw.secret_file, &self.raw.secret_env) {
            (Some(path), None) => {
                let read = self.root.read_text(path, SECRET_BYTES_MAX);
                let text = read.map_err(|error| self.refused(file, &error))?;
                Ok((file, Secret::new(text.trim())))
            }
            (None, Some(named)) => match environment::secret(named) {
                Some(secret) => Ok((variable, secret)),
                None => {
                    let text = format!(
                        "there is nothing in the environment variable `{named}`\nhint: set it where the host is started"
                    );
                    Err(self.refused(variable, &text))
                }
            },
            (None, None) => Err(self.missing(&format!("`{file}` or `{variable}`"))),
            (Some(_), Some(_)) => {
                let text = format!(
                    "the secret is in two places\nhint: keep one of `{file}` and `{variable}`"
                );
                Err(self.refused(variable, &text))
            }
        }
    }

    fn bounded(&self, key: &str, value: u64, min: u64, max: u64) -> Result<(), Refusal> {
        in_range(self.path(key), value, min, max)
    }

    fn missing(&self, what: &str) -> Refusal {
        let kind = self.raw.kind.name();
        (at!["channel", self.index], format!("a channel of kind `{kind}` needs {what}"))
    }

    fn refused(&self, key: &str, text: &dyn std::fmt::Display) -> Refusal {
        (self.path(key), text.to_string())
    }

    fn path(&self, key: &str) -> Vec<Step> {
        at!["channel", self.index, key]
    }
}
