//! `writ.toml` as it is written: what serde reads before anything is checked.
//!
//! Keys are kebab-case, unknown ones are refused, and each default is the default of the value
//! that it becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use writ_core::LoadLimits;

use super::EngineBounds;
use super::document::{Step, at};
use crate::auth::SigningAlgorithm;
use crate::breaker::BreakerConfig;
use crate::policy_set::raw::RawBinding;
use crate::service::executions::WorkerConfig;
use crate::telemetry::LogConfig;
use crate::tool_set::raw::RawTool;

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
    #[serde(rename = "binding")]
    pub(super) bindings: Vec<RawBinding>,
    pub(super) tools: Vec<RawTool>,
    #[serde(rename = "channel")]
    pub(super) channels: Vec<Channel>,
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
}

/// `[auth]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Auth {
    pub(super) jwt: Option<Jwt>,
}

/// `[auth.jwt]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Jwt {
    pub(super) issuer: String,
    pub(super) audience: String,
    #[serde(default = "Jwt::algorithms")]
    pub(super) algorithms: Vec<SigningAlgorithm>,
    pub(super) jwks_url: Option<String>,
    pub(super) jwks_file: Option<String>,
    #[serde(default = "Jwt::person_claim")]
    pub(super) person_claim: String,
    #[serde(default = "Jwt::roles_claim")]
    pub(super) roles_claim: String,
    #[serde(default = "Jwt::groups_claim")]
    pub(super) groups_claim: String,
    pub(super) tenant_claim: Option<String>,
    #[serde(default = "Jwt::refresh_min_ms")]
    pub(super) refresh_min_ms: u64,
}

/// `[[channel]]`: keys of all kinds; which of them belong to a kind is checked later.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) name: String,
    pub(super) kind: ChannelKind,
    pub(super) events: Vec<String>,
    pub(super) url: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) secret_env: Option<String>,
    #[serde(default)]
    pub(super) allowed_addresses: Vec<String>,
    #[serde(default = "Channel::timeout_ms")]
    pub(super) timeout_ms: u64,
    #[serde(default = "Channel::attempts_max")]
    pub(super) attempts_max: u32,
    #[serde(default = "Channel::backoff_ms")]
    pub(super) backoff_ms: u64,
    #[serde(default = "Channel::backoff_ms_max")]
    pub(super) backoff_ms_max: u64,
    #[serde(default = "Channel::give_up_after_ms")]
    pub(super) give_up_after_ms: u64,
}

/// `kind` of `[[channel]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChannelKind {
    Webhook,
}

impl ChannelKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
        }
    }
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

/// `[engine]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Engine {
    instances_max: u32,
    memo: bool,
    memo_bytes_max: u64,
    load: LoadLimits,
}

/// `[breaker]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Breaker {
    failures_max: u32,
    backoff_ms: u64,
    backoff_ms_max: u64,
}

/// `[worker]`: how tools are run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Worker {
    running_max: usize,
    grace_ms: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8181".into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            drain_timeout_ms: 10_000,
            body_bytes_max: 1 << 20,
        }
    }
}

impl Jwt {
    fn algorithms() -> Vec<SigningAlgorithm> {
        SigningAlgorithm::DEFAULT.into()
    }

    fn person_claim() -> String {
        "sub".into()
    }

    fn roles_claim() -> String {
        "writ_roles".into()
    }

    fn groups_claim() -> String {
        "groups".into()
    }

    fn refresh_min_ms() -> u64 {
        10_000
    }
}

impl Channel {
    fn timeout_ms() -> u64 {
        10_000
    }

    fn attempts_max() -> u32 {
        12
    }

    fn backoff_ms() -> u64 {
        1_000
    }

    fn backoff_ms_max() -> u64 {
        300_000
    }

    fn give_up_after_ms() -> u64 {
        3_600_000
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

impl Default for Engine {
    fn default() -> Self {
        Self {
            instances_max: 256,
            memo: true,
            memo_bytes_max: 16 << 20,
            load: LoadLimits::default(),
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        let BreakerConfig { failures_max, backoff_ms, backoff_ms_max } = BreakerConfig::default();
        Self { failures_max, backoff_ms, backoff_ms_max }
    }
}

impl Default for Worker {
    fn default() -> Self {
        let WorkerConfig { running_max, grace } = WorkerConfig::default();
        Self { running_max, grace_ms: grace.as_millis() as u64 }
    }
}

impl Worker {
    pub(super) fn checked(self) -> Result<WorkerConfig, Refusal> {
        let Self { running_max, grace_ms } = self;
        in_range(at!["worker", "running-max"], running_max as u64, 1, 256)?;
        in_range(at!["worker", "grace-ms"], grace_ms, 0, 600_000)?;
        Ok(WorkerConfig { running_max, grace: Duration::from_millis(grace_ms) })
    }
}

impl Engine {
    pub(super) fn checked(self, cache: &Cache) -> Result<EngineBounds, Refusal> {
        let key = at!["engine", "instances-max"];
        in_range(key, u64::from(self.instances_max), 1, 1_000)?;
        let key = at!["engine", "memo-bytes-max"];
        in_range(key, self.memo_bytes_max, 1 << 10, 64 << 30)?;
        let key = at!["cache", "code-bytes-max"];
        in_range(key, cache.code_bytes_max, 1 << 20, 64 << 30)?;
        let load = self
            .load
            .checked()
            .map_err(|error| (at!["engine", "load", error.name()], error.to_string()))?;
        Ok(EngineBounds {
            instances_max: self.instances_max,
            memo_bytes_max: if self.memo { self.memo_bytes_max } else { 0 },
            code_bytes_max: cache.code_bytes_max,
            disk_cache: cache.disk,
            load,
        })
    }
}

impl Breaker {
    pub(super) fn checked(self) -> Result<BreakerConfig, Refusal> {
        let Self { failures_max, backoff_ms, backoff_ms_max } = self;
        in_range(at!["breaker", "failures-max"], u64::from(failures_max), 1, 1_000_000)?;
        in_range(at!["breaker", "backoff-ms-max"], backoff_ms_max, 1, 86_400_000)?;
        in_range(at!["breaker", "backoff-ms"], backoff_ms, 1, backoff_ms_max)?;
        Ok(BreakerConfig { failures_max, backoff_ms, backoff_ms_max })
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
