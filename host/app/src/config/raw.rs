//! `writ.toml` as it is written: what serde reads before anything is checked.
//!
//! Keys are kebab-case, unknown ones are refused, and each default is the default of the value
//! that it becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use writ_core::LoadLimits;

use super::document::{Step, at};
use super::server::address;
use super::{EngineBounds, WorkerSection};
use crate::auth::SigningAlgorithm;
use crate::breaker::BreakerConfig;
use crate::policy_set::raw::{RawBinding, RawTests};
use crate::service::executions::WorkerConfig;
use crate::service::{Recording, Retention as RetentionConfig};
use crate::telemetry::LogConfig;
use crate::tool_set::raw::RawTool;

/// A hundred years.
const DAYS_MAX: u32 = 36_500;

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
    pub(super) url_file: Option<String>,
    pub(super) url_env: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) secret_env: Option<String>,
    pub(super) relay: Option<String>,
    pub(super) tls: Option<RelayTls>,
    pub(super) user: Option<String>,
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) people: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) groups: BTreeMap<String, Vec<String>>,
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

/// `[[endpoint]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) url: String,
    pub(super) input_schema: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) secret_env: Option<String>,
    #[serde(default)]
    pub(super) idempotent: bool,
    #[serde(default)]
    pub(super) allowed_addresses: Vec<String>,
    #[serde(default = "Endpoint::timeout_ms")]
    pub(super) timeout_ms: u64,
    #[serde(default = "Endpoint::attempts_max")]
    pub(super) attempts_max: u32,
    #[serde(default = "Endpoint::backoff_ms")]
    pub(super) backoff_ms: u64,
    #[serde(default = "Endpoint::backoff_ms_max")]
    pub(super) backoff_ms_max: u64,
}

/// `[[registry]]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Registry {
    #[serde(default)]
    pub(super) host: String,
    #[serde(default)]
    pub(super) also: Vec<String>,
    #[serde(default)]
    pub(super) insecure: bool,
    pub(super) username: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) password_env: Option<String>,
    #[serde(default)]
    pub(super) allowed_addresses: Vec<String>,
    #[serde(default = "Registry::timeout_ms")]
    pub(super) timeout_ms: u64,
}

/// `kind` of `[[channel]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChannelKind {
    Webhook,
    Slack,
    Mail,
}

impl ChannelKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Mail => "mail",
        }
    }
}

/// `tls` of `[[channel]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RelayTls {
    Starttls,
    Tls,
    None,
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
    enabled: bool,
    listen: Option<String>,
    running_max: usize,
    grace_ms: u64,
    changed_after_ms: u64,
}

/// `[retention]`: for how long what has ended is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Retention {
    days: Option<Days>,
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

/// A number of days, or a word.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a number of days, or \"forever\"")]
enum Days {
    Number(u64),
    Word(String),
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

impl Registry {
    fn timeout_ms() -> u64 {
        60_000
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
            memo_bytes_max: 12 << 20,
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
        let WorkerConfig { running_max, grace, changed_after } = WorkerConfig::default();
        let ms = |duration: Duration| duration.as_millis() as u64;
        let (grace_ms, changed_after_ms) = (ms(grace), ms(changed_after));
        Self { enabled: true, listen: None, running_max, grace_ms, changed_after_ms }
    }
}

impl Worker {
    pub(super) fn checked(self) -> Result<WorkerSection, Refusal> {
        let Self { enabled, listen, running_max, grace_ms, changed_after_ms } = self;
        in_range(at!["worker", "running-max"], running_max as u64, 1, 256)?;
        in_range(at!["worker", "grace-ms"], grace_ms, 0, 600_000)?;
        in_range(at!["worker", "changed-after-ms"], changed_after_ms, 0, 86_400_000)?;
        let [grace, changed_after] = [grace_ms, changed_after_ms].map(Duration::from_millis);
        let listen = listen.as_deref().map(address).transpose();
        Ok(WorkerSection {
            in_serve: enabled,
            listen: listen.map_err(|error| (at!["worker", "listen"], error.to_string()))?,
            runs: WorkerConfig { running_max, grace, changed_after },
        })
    }
}

impl Retention {
    pub(super) fn checked(self) -> Result<RetentionConfig, Refusal> {
        let key = || at!["retention", "days"];
        match self.days {
            None => Ok(RetentionConfig::default()),
            Some(Days::Number(days)) => {
                in_range(key(), days, 1, u64::from(DAYS_MAX))?;
                Ok(RetentionConfig::Days(u32::try_from(days).unwrap_or(DAYS_MAX)))
            }
            Some(Days::Word(word)) if word == "forever" => Ok(RetentionConfig::Forever),
            Some(Days::Word(word)) => {
                let text = format!(
                    "`{word}` is no number of days\nhint: write a number without quotes, or \"forever\""
                );
                Err((key(), text))
            }
        }
    }
}

impl Engine {
    pub(super) fn checked(self, cache: &Cache) -> Result<EngineBounds, Refusal> {
        let key = at!["engine", "instances-max"];
        in_range(key, u64::from(self.instances_max), 1, 1_000)?;
        let key = at!["engine", "memo-bytes-max"];
        in_range(key, self.memo_bytes_max, 1 << 10, 64 << 30).map_err(|(key, text)| {
            (key, format!("{text}\nhint: `memo = false` remembers nothing"))
        })?;
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
