//! `[engine]`, within its bounds.

use serde::Deserialize;
use writ_core::LoadLimits;

use super::{Cache, Refusal, in_range};
use crate::config::EngineBounds;
use crate::config::document::at;

/// `[engine]`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Engine {
    instances_max: u32,
    memo: bool,
    memo_bytes_max: u64,
    load: LoadLimits,
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

impl Engine {
    pub(in crate::config) fn checked(self, cache: &Cache) -> Result<EngineBounds, Refusal> {
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
