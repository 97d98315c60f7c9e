//! A tool as it is written in `writ.toml`.

use serde::Deserialize;
use writ_core::ToolLimits;

/// `[[tools]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RawTool {
    pub(crate) name: String,
    pub(super) source: String,
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) grants: RawGrants,
    #[serde(default)]
    pub(super) limits: ToolLimits,
}

/// `grants`: what is absent is not granted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RawGrants {
    pub(super) storage: bool,
    pub(super) tools: Vec<String>,
}
