//! `writ.toml` as it is written: what serde reads before anything is checked.
//!
//! Keys are kebab-case, unknown ones are refused, and each default is the default of the value
//! that it becomes.

mod auth;
mod breaker;
mod channel;
mod endpoint;
mod engine;
mod registry;
mod retention;
mod worker;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::document::Step;
use crate::policy_set::raw::{RawBinding, RawTests};
use crate::service::Recording;
use crate::telemetry::LogConfig;
use crate::tool_set::raw::RawTool;
pub(super) use auth::Auth;
use breaker::Breaker;
pub(super) use channel::{Channel, ChannelKind, RelayTls};
pub(super) use endpoint::Endpoint;
use engine::Engine;
pub(super) use registry::Registry;
use retention::Retention;
use worker::Worker;

/// What is refused: the path to it, and why.
pub(super) type Refusal = (Vec<Step>, String);

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) server: Server,
    pub(super) auth: Auth,
    pub(super) store: Store,
    pub(super) encryption: Encryption,
    pub(super) cache: Cache,
    pub(super) engine: Engine,
    pub(super) breaker: Breaker,
    pub(super) log: LogConfig,
    pub(super) worker: Worker,
    pub(super) retention: Retention,
    pub(super) policies: Policies,
    pub(super) decisions: Decisions,
    #[serde(rename = "binding")]
    pub(super) bindings: Vec<RawBinding>,
    pub(super) tests: RawTests,
    pub(super) tools: Vec<RawTool>,
    #[serde(rename = "endpoint")]
    pub(super) endpoints: Vec<Endpoint>,
    #[serde(rename = "channel")]
    pub(super) channels: Vec<Channel>,
    #[serde(rename = "registry")]
    pub(super) registries: Vec<Registry>,
}

/// `[server]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: String,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) allowed_origins: Vec<String>,
    pub(super) drain_timeout_ms: u64,
    pub(super) body_bytes_max: usize,
    pub(super) public_url: Option<String>,
}

/// `[store]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) directory: String,
    pub(super) url: Option<String>,
}

/// `[encryption]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Encryption {
    pub(super) active: Option<String>,
    pub(super) keys: BTreeMap<String, KeySource>,
}

/// Where a key of `[encryption]` is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct KeySource {
    pub(super) file: Option<String>,
    pub(super) env: Option<String>,
}

/// `[cache]`: of compiled code.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Cache {
    pub(super) disk: bool,
    pub(super) code_bytes_max: u64,
}

/// `[policies]`: whose signatures count.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Policies {
    pub(super) require_signatures: bool,
    pub(super) keys: Vec<String>,
}

/// `[decisions]`: how much is kept of each.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Decisions {
    pub(super) record: Record,
}

/// How much is kept of a decision.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record {
    #[default]
    Whole,
    Digest,
}

impl From<Record> for Recording {
    fn from(record: Record) -> Self {
        match record {
            Record::Whole => Self::Whole,
            Record::Digest => Self::Digest,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8181".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            drain_timeout_ms: 10_000,
            body_bytes_max: 1 << 20,
            public_url: None,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { directory: "writ-data".into(), url: None }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { disk: true, code_bytes_max: 256 << 20 }
    }
}

/// Refuses a number that is out of its range.
pub(super) fn in_range(path: Vec<Step>, value: u64, min: u64, max: u64) -> Result<(), Refusal> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let name = path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    });
    let name = name.collect::<Vec<_>>().join(".");
    Err((path, format!("`{name}` is {value}, must be {min} to {max}")))
}
