//! `rate-limit`: denies more than a number of actions within a sliding window.
//!
//! The window is exact: it holds the instants of the actions that went on, not an estimate. The
//! README specifies the algorithm to the letter, because policies in other languages do the same.

mod window;

use serde::Deserialize;
use writ_sdk::{Decision, Host, Per, Policy, Request};

pub use window::{Damaged, Window};

/// What the operator writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// How many actions may go on within the window: 1 to 1,000.
    pub limit: u32,
    /// The length of the window, in seconds: 1 to 2,678,400 (31 days).
    pub window_seconds: u32,
    /// What is counted together.
    #[serde(default)]
    pub per: Per,
    /// The verdict within the limit.
    #[serde(default)]
    pub on_within: OnWithin,
}

/// The verdict on an action within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnWithin {
    /// Other policies decide.
    #[default]
    Abstain,
    /// It is allowed.
    Allow,
}

/// The policy.
#[derive(Debug)]
pub struct RateLimit {
    settings: Settings,
}

impl Policy for RateLimit {
    const NAME: &'static str = "rate-limit";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Denies more than a number of actions within a sliding window.";
    const SETTINGS_SCHEMA: &'static str = include_str!("../settings.schema.json");
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        if !(1..=1_000).contains(&settings.limit) {
            return Err(format!("`limit` is 1 to 1000, not {}", settings.limit));
        }
        if !(1..=2_678_400).contains(&settings.window_seconds) {
            return Err(format!(
                "`window-seconds` is 1 to 2678400, not {}",
                settings.window_seconds
            ));
        }
        Ok(Self { settings })
    }

    fn evaluate(&self, request: &Request, host: &impl Host) -> Result<Decision, String> {
        let key = self.settings.per.key(request);
        let now_ms = host.received_at_ms();
        let mut window = match host.get(&key)? {
            Some(entry) => Window::parse(&entry.value).map_err(|error| error.to_string())?,
            None => Window::default(),
        };
        window.slide(now_ms, self.window_ms());
        let limit = self.settings.limit as usize;
        if host.has_begun() {
            // It was counted when it began.
            return Ok(self.pass(limit.saturating_sub(window.len())));
        }
        if let Some(free_at_ms) = window.free_at_ms(limit, self.window_ms()) {
            return Ok(self.deny((free_at_ms - now_ms).div_ceil(1_000)));
        }
        let newest_ms = window.push(now_ms);
        let ttl_seconds = (newest_ms - now_ms).div_ceil(1_000) + self.window_ms() / 1_000;
        let ttl_seconds = u32::try_from(ttl_seconds).unwrap_or(u32::MAX);
        host.set(&key, window.to_string().as_bytes(), Some(ttl_seconds))?;
        Ok(self.pass(limit - window.len()))
    }
}

impl RateLimit {
    fn window_ms(&self) -> u64 {
        u64::from(self.settings.window_seconds) * 1_000
    }

    fn deny(&self, retry_after_seconds: u64) -> Decision {
        let Settings { limit, window_seconds, per, .. } = self.settings;
        Decision::deny(format!(
            "the limit of {limit} in {window_seconds} s for {per} is reached; \
             try again in {retry_after_seconds} s"
        ))
        .with("limit", limit)
        .with("window-seconds", window_seconds)
        .with("retry-after-seconds", retry_after_seconds)
    }

    fn pass(&self, remaining: usize) -> Decision {
        let decision = match self.settings.on_within {
            OnWithin::Abstain => Decision::abstain(),
            OnWithin::Allow => Decision::allow(),
        };
        decision
            .with("limit", self.settings.limit)
            .with("window-seconds", self.settings.window_seconds)
            .with("remaining", remaining)
    }
}

writ_sdk::export!(RateLimit);
