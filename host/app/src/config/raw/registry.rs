//! `[[registry]]`: from where components are pulled.

use serde::Deserialize;

/// `[[registry]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Registry {
    #[serde(default)]
    pub(in crate::config) host: String,
    #[serde(default)]
    pub(in crate::config) also: Vec<String>,
    #[serde(default)]
    pub(in crate::config) insecure: bool,
    pub(in crate::config) username: Option<String>,
    pub(in crate::config) password_file: Option<String>,
    pub(in crate::config) password_env: Option<String>,
    #[serde(default)]
    pub(in crate::config) allowed_addresses: Vec<String>,
    #[serde(default = "Registry::timeout_ms")]
    pub(in crate::config) timeout_ms: u64,
}

impl Registry {
    fn timeout_ms() -> u64 {
        60_000
    }
}
