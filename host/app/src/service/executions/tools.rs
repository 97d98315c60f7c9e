//! Executions that this host carries out itself, with a tool.
//!
//! The [`Worker`] takes what is to be run, one [`run`] carries one execution a step further, and the
//! [`host`] answers what its tool asks. What is answered is recorded before the tool learns of it, so
//! that any host can go on at any time.

mod approvals;
mod host;
mod nested;
mod run;
mod storage;
mod worker;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
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
}

impl Default for WorkerConfig {
    /// 16 at once, 5 seconds.
    fn default() -> Self {
        Self { running_max: 16, grace: Duration::from_secs(5) }
    }
}

/// What all runs of this host share.
pub(super) struct Workshop {
    config: WorkerConfig,
    /// In whose name this host claims. Unlike any other's, so that events tell hosts apart.
    holder: Person,
    /// Rings when something may be there to be run.
    bell: Notify,
    /// Calls of tools that have ended, whose callers are to be told.
    ended: Mutex<Vec<Call>>,
    /// What this host runs, with the digests of the permits: given back where it is cut off.
    running: Mutex<HashMap<Name, Digest>>,
    /// True once nothing new is begun and nobody is waited for.
    stopping: watch::Sender<bool>,
}

/// An execution, by tenant and id.
type Name = (Tenant, String);

/// A call of a tool by a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    tenant: Tenant,
    /// The execution that called.
    caller: String,
    /// The execution that was called.
    called: String,
}

impl Call {
    /// The call that an execution is, where it is one.
    fn of(execution: &Execution) -> Option<Self> {
        let caller = execution.parent.as_ref()?.execution.clone();
        let (tenant, called) = (execution.tenant.clone(), execution.id.clone());
        Some(Self { tenant, caller, called })
    }
}

impl Workshop {
    pub(super) fn new(config: WorkerConfig) -> Self {
        let holder = format!("host-{}", uuid::Uuid::now_v7());
        let holder = holder.parse().expect("letters, digits and hyphens name somebody");
        let (bell, stopping) = (Notify::new(), watch::Sender::new(false));
        let (ended, running) = (Mutex::default(), Mutex::default());
        Self { config, holder, bell, ended, running, stopping }
    }

    /// Takes note of an execution that has changed: whether its tool is to be run, or whoever called
    /// for it to be told.
    pub(super) fn note(&self, changed: &Execution) {
        let call = Call::of(changed).filter(|_| changed.has_come_to_an_end());
        if call.is_some() || changed.work_at_ms().is_some() {
            self.ended().extend(call);
            self.bell.notify_one();
        }
    }

    // Held for a few instructions, never across an await.
    fn ended(&self) -> MutexGuard<'_, Vec<Call>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Held as above.
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
