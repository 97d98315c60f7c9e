//! Executions that this host carries out itself, with a tool.
//!
//! The [`Worker`] takes what is to be run, one [`run`] carries one execution a step further, and the
//! [`host`] answers what its tool asks. What is answered is recorded before the tool learns of it, so
//! that any host can go on at any time.

mod approvals;
mod host;
mod run;
mod storage;
mod worker;

use std::time::Duration;

use tokio::sync::{Notify, watch};
use writ_core::Person;

pub use worker::Worker;

/// How tools are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// How many run at once; 1 to 256.
    pub running_max: usize,
    /// How long a call that waits for people is held in memory.
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
    /// True once nothing new is begun and nobody is waited for.
    stopping: watch::Sender<bool>,
}

impl Workshop {
    pub(super) fn new(config: WorkerConfig) -> Self {
        let holder = format!("host-{}", uuid::Uuid::now_v7());
        let holder = holder.parse().expect("letters, digits and hyphens name somebody");
        let (bell, stopping) = (Notify::new(), watch::Sender::new(false));
        Self { config, holder, bell, stopping }
    }

    /// Something may be there to be run.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Done when the host stops.
    async fn stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        // It cannot fail while `self` holds the sender.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }
}
