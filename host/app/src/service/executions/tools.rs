//! Executions that this host carries out itself, with a tool.
//!
//! The [`Worker`] takes what is to be run, one [`run`] carries one execution a step further (or calls
//! an [`endpoint`] that does), the [`host`] answers what its tool asks, and [`errands`] go from one
//! execution to another. What is answered is recorded before the tool learns of it, so that any host
//! can go on at any time.

mod approvals;
mod claim;
mod endpoint;
mod errands;
mod files;
mod host;
mod nested;
mod run;
mod storage;
mod worker;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use writ_core::execution::Status;
use writ_core::{Digest, Execution, Person, Tenant};

pub use worker::Worker;

/// How tools are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// How many run at once; 1 to 256, and 0 for a host that runs none.
    pub running_max: usize,
    /// How long a run that waits, for people or for other tools, is held in memory: all its waits
    /// together.
    pub grace: Duration,
    /// How long this host sees an execution wait for a tool that it has in another version, before it
    /// takes that for gone and refuses; other hosts may still have it.
    pub changed_after: Duration,
}

impl Default for WorkerConfig {
    /// 16 at once, 5 seconds, 5 minutes.
    fn default() -> Self {
        let (grace, changed_after) = (Duration::from_secs(5), Duration::from_secs(300));
        Self { running_max: 16, grace, changed_after }
    }
}

/// What all runs of this host share.
pub(super) struct Workshop {
    config: WorkerConfig,
    /// In whose name this host claims. Unlike any other's, so that events tell hosts apart.
    holder: Person,
    /// Rings when something may be there to be run.
    bell: Notify,
    /// What this host has claimed, with the digests of the permits: given back where it is cut off.
    running: Mutex<HashMap<Name, Digest>>,
    /// True once nothing new is begun and nobody is waited for.
    stopping: watch::Sender<bool>,
}

/// An execution, by tenant and id.
type Name = (Tenant, String);

impl Workshop {
    pub(super) fn new(config: WorkerConfig) -> Self {
        let holder = format!("host-{}", uuid::Uuid::now_v7());
        let holder = holder.parse().expect("letters, digits and hyphens name somebody");
        let (bell, stopping) = (Notify::new(), watch::Sender::new(false));
        Self { config, holder, bell, running: Mutex::default(), stopping }
    }

    /// Takes note of an execution that has changed: whether its tool is to be run, or something is to
    /// be done at others.
    pub(super) fn note(&self, changed: &Execution) {
        let is_waiting = matches!(changed.status, Status::Suspended { .. });
        let is_calling = changed.tool.is_some() && (changed.has_come_to_an_end() || is_waiting);
        if is_calling || changed.work_at_ms().is_some() {
            self.bell.notify_one();
        }
    }

    // Held for a few instructions, never across an await.
    fn running(&self) -> MutexGuard<'_, HashMap<Name, Digest>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Done when the host stops.
    async fn stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        // It cannot fail while `self` holds the sender.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}
