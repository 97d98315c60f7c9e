//! `[worker]`, within its bounds.

use std::time::Duration;

use serde::Deserialize;

use super::{Refusal, in_range};
use crate::config::WorkerSection;
use crate::config::document::at;
use crate::config::server::address;
use crate::service::executions::WorkerConfig;

/// `[worker]`: how tools are run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Worker {
    enabled: bool,
    listen: Option<String>,
    running_max: usize,
    grace_ms: u64,
    changed_after_ms: u64,
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
    pub(in crate::config) fn checked(self) -> Result<WorkerSection, Refusal> {
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
