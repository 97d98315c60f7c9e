//! `tool-list`: allows and denies actions by name.
//!
//! The bluntest policy, and the first to bind: which tools exist for whom. It looks at names and
//! ids only; for arguments there is `rules`.

mod entry;

use serde::Deserialize;
use writ_sdk::{Decision, Host, Policy, Request};

pub use entry::Entry;

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Actions that go on.
    #[serde(default)]
    pub allow: Vec<Entry>,
    /// Actions that do not, also where `allow` matches.
    #[serde(default)]
    pub deny: Vec<Entry>,
    /// What becomes of the others.
    #[serde(default)]
    pub on_unmatched: OnUnmatched,
}

/// What becomes of an action that no entry matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnmatched {
    /// Other policies decide.
    #[default]
    Abstain,
    /// It is denied.
    Deny,
}

/// The policy.
#[derive(Debug)]
pub struct ToolList {
    settings: Settings,
}

impl Policy for ToolList {
    const NAME: &'static str = "tool-list";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Allows and denies actions by name.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        if settings.allow.is_empty() && settings.deny.is_empty() {
            return Err("neither `allow` nor `deny` has an entry".to_owned());
        }
        Ok(Self { settings })
    }

    fn evaluate(&self, request: &Request, _host: &impl Host) -> Result<Decision, String> {
        let action = &request.action.name;
        if let Some(entry) = first_match(&self.settings.deny, request) {
            let reason = format!("action `{action}` is denied by `{entry}`");
            return Ok(Decision::deny(reason).with("matched", entry.to_string()));
        }
        if let Some(entry) = first_match(&self.settings.allow, request) {
            return Ok(Decision::allow().with("matched", entry.to_string()));
        }
        Ok(match self.settings.on_unmatched {
            OnUnmatched::Abstain => Decision::abstain(),
            OnUnmatched::Deny => Decision::deny(format!("action `{action}` is not on the list")),
        })
    }
}

fn first_match<'a>(entries: &'a [Entry], request: &Request) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.matches(request))
}

writ_sdk::export!(ToolList);
