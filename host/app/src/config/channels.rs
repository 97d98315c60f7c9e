//! Who is told what happens: `[[channel]]`, checked.

mod mail;
mod people;
mod slack;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;
use wildmatch::WildMatch;
use writ_core::ChannelName;
use writ_core::execution::Fact;

use super::document::{Document, at};
use super::error::ConfigError;
use super::outward::Outward;
use super::raw::{self, Refusal};
use super::root::Root;
use super::wording;
use crate::channels::config::{ChannelConfig, Kind, Retry, WebhookConfig};

pub(super) fn checked(
    raw: Vec<raw::Channel>,
    public_url: Option<&Url>,
    document: &Document,
    root: &Root,
) -> Result<Vec<ChannelConfig>, ConfigError> {
    let mut channels: Vec<ChannelConfig> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let what = format!("a channel of kind `{}`", raw.kind.name());
        let outward = Outward { at: at!["channel", index], what, root };
        let channel = Raw { index, raw, outward, public_url }.checked();
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
    outward: Outward<'a>,
    public_url: Option<&'a Url>,
}

impl Raw<'_> {
    fn checked(&self) -> Result<ChannelConfig, Refusal> {
        let name = self.raw.name.parse::<ChannelName>();
        let name = name.map_err(|error| self.outward.refused("name", &error))?;
        let (events, retry) = (self.events()?, self.retry()?);
        self.check_keys()?;
        let kind = match self.raw.kind {
            raw::ChannelKind::Webhook => Kind::Webhook(self.webhook()?),
            raw::ChannelKind::Slack => Kind::Slack(self.slack()?),
            raw::ChannelKind::Mail => Kind::Mail(self.mail(&events)?),
        };
        Ok(ChannelConfig { name, events, retry, kind })
    }

    /// Whether each key that is there belongs to a channel of its kind.
    fn check_keys(&self) -> Result<(), Refusal> {
        use raw::ChannelKind::{Mail, Slack, Webhook};
        let raw = self.raw;
        let keys: [(&str, bool, &[raw::ChannelKind]); 10] = [
            ("url", raw.url.is_some(), &[Webhook]),
            ("url-file", raw.url_file.is_some(), &[Slack]),
            ("url-env", raw.url_env.is_some(), &[Slack]),
            ("allowed-addresses", !raw.allowed_addresses.is_empty(), &[Webhook, Slack]),
            ("relay", raw.relay.is_some(), &[Mail]),
            ("tls", raw.tls.is_some(), &[Mail]),
            ("user", raw.user.is_some(), &[Mail]),
            ("from", raw.from.is_some(), &[Mail]),
            ("people", !raw.people.is_empty(), &[Slack, Mail]),
            ("groups", !raw.groups.is_empty(), &[Slack, Mail]),
        ];
        for (key, is_there, kinds) in keys {
            if is_there && !kinds.contains(&raw.kind) {
                let text = format!("{} has no `{key}`", self.outward.what);
                return Err(self.outward.refused(key, &text));
            }
        }
        Ok(())
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
            return Err(self.outward.refused("events", &text));
        }
        Ok(events)
    }

    fn retry(&self) -> Result<Retry, Refusal> {
        let raw = self.raw;
        let waits = [raw.backoff_ms, raw.backoff_ms_max];
        let backoff = self.outward.backoff(raw.attempts_max, waits, 1_000)?;
        self.outward.bounded("give-up-after-ms", raw.give_up_after_ms, 1, 7 * 86_400_000)?;
        Ok(Retry { backoff, total_max: Duration::from_millis(raw.give_up_after_ms) })
    }

    fn webhook(&self) -> Result<WebhookConfig, Refusal> {
        let (raw, outward) = (self.raw, &self.outward);
        let url = raw.url.as_deref();
        let endpoint = outward.endpoint(url, &raw.allowed_addresses, raw.timeout_ms)?;
        let (file, variable) = (raw.secret_file.as_deref(), raw.secret_env.as_deref());
        Ok(WebhookConfig { endpoint, secret: outward.signing_secret(file, variable)? })
    }
}
