//! `[breaker]`, within its bounds.

use serde::Deserialize;

use super::{Refusal, in_range};
use crate::breaker::BreakerConfig;
use crate::config::document::at;

/// `[breaker]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Breaker {
    failures_max: u32,
    backoff_ms: u64,
    backoff_ms_max: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        let BreakerConfig { failures_max, backoff_ms, backoff_ms_max } = BreakerConfig::default();
        Self { failures_max, backoff_ms, backoff_ms_max }
    }
}

impl Breaker {
    pub(in crate::config) fn checked(self) -> Result<BreakerConfig, Refusal> {
        let Self { failures_max, backoff_ms, backoff_ms_max } = self;
        in_range(at!["breaker", "failures-max"], u64::from(failures_max), 1, 1_000_000)?;
        in_range(at!["breaker", "backoff-ms-max"], backoff_ms_max, 1, 86_400_000)?;
        in_range(at!["breaker", "backoff-ms"], backoff_ms, 1, backoff_ms_max)?;
        Ok(BreakerConfig { failures_max, backoff_ms, backoff_ms_max })
    }
}
