//! A tool as it is written in `writ.toml`.

use serde::Deserialize;
use writ_core::ToolLimits;

use super::directory::Access;

/// `[[tools]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RawTool {
    pub(crate) name: String,
    pub(super) source: String,
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) grants: RawGrants,
    pub(super) directory: Option<RawDirectory>,
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

/// `directory`: also a grant, and absent unless it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RawDirectory {
    pub(super) path: String,
    #[serde(default)]
    pub(super) access: Access,
}
