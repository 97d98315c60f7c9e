//! `[[endpoint]]`: an action that is carried out elsewhere.

use serde::Deserialize;

/// `[[endpoint]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Endpoint {
    pub(in crate::config) name: String,
    #[serde(default)]
    pub(in crate::config) description: String,
    pub(in crate::config) url: String,
    pub(in crate::config) input_schema: Option<String>,
    pub(in crate::config) secret_file: Option<String>,
    pub(in crate::config) secret_env: Option<String>,
    #[serde(default)]
    pub(in crate::config) idempotent: bool,
    #[serde(default)]
    pub(in crate::config) allowed_addresses: Vec<String>,
    #[serde(default = "Endpoint::timeout_ms")]
    pub(in crate::config) timeout_ms: u64,
    #[serde(default = "Endpoint::attempts_max")]
    pub(in crate::config) attempts_max: u32,
    #[serde(default = "Endpoint::backoff_ms")]
    pub(in crate::config) backoff_ms: u64,
    #[serde(default = "Endpoint::backoff_ms_max")]
    pub(in crate::config) backoff_ms_max: u64,
}

impl Endpoint {
    fn timeout_ms() -> u64 {
        30_000
    }

    fn attempts_max() -> u32 {
        8
    }

    fn backoff_ms() -> u64 {
        1_000
    }

    fn backoff_ms_max() -> u64 {
        300_000
    }
}
