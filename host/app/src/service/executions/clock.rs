//! What time does to executions: stages, permissions and leases end.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use writ_core::execution::{Event, Refused};
use writ_core::{Execution, Tenant};
use writ_store::{ChangeError, PAGE_MAX, StoreError};

use super::{ExecutionError, Executions};
use crate::clock::now_ms;
use crate::points;

/// How many executions are looked at in one go.
const PAGE: u32 = 256;
/// How late the end of a stage, a permission or a lease may be noticed. What is past its end is
/// refused at once in any case.
const EVERY: Duration = Duration::from_millis(500);

/// The task that tells executions the time. Dropping it stops the task.
#[derive(Debug)]
pub struct Clock {
    task: JoinHandle<()>,
    stop: watch::Sender<()>,
}

impl Clock {
    /// Starts telling.
    pub fn start(executions: Executions) -> Self {
        let (stop, stopped) = watch::channel(());
        Self { task: tokio::spawn(tell(executions, stopped)), stop }
    }

    /// Ends, after what is under way.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the clock of executions ended by itself");
        }
    }
}

/// Executions that cannot be read: told of once, and set aside until the host is started again.
type Damaged = BTreeSet<(Tenant, String)>;

async fn tell(executions: Executions, mut stopped: watch::Receiver<()>) {
    let mut damaged = Damaged::new();
    loop {
        let next = Instant::now() + EVERY;
        if let Err(error) = executions.pass(now_ms(), &mut damaged).await {
            tracing::warn!(%error, "executions could not be told the time; it is tried again");
        }
        tokio::select! {
            () = sleep_until(next) => {}
            // The sender is dropped: that is the sign.
            _ = stopped.changed() => return,
        }
    }
}

/// What became of telling one execution.
enum Passed {
    /// It knows.
    Told,
    /// It cannot be read.
    Damaged,
}

impl Executions {
    /// Tells every execution that is due what time it is. One that is damaged stops no other.
    async fn pass(&self, now_ms: u64, damaged: &mut Damaged) -> Result<(), ExecutionError> {
        loop {
            // What is set aside is found again: it must not take the places of the others.
            let limit = PAGE.saturating_add(damaged.len() as u32).min(PAGE_MAX);
            let mut due = self.store.due(now_ms, limit).await?;
            due.retain(|name| !damaged.contains(name));
            if due.is_empty() {
                return Ok(());
            }
            points::pass("clock.due");
            // Side by side, so that they share the wait for the disk.
            let passing = due.iter().map(|(tenant, id)| self.pass_one(tenant, id, now_ms));
            let passed = future::join_all(passing).await;
            for (name, passed) in due.into_iter().zip(passed) {
                if let Passed::Damaged = passed? {
                    damaged.insert(name);
                }
            }
        }
    }

    async fn pass_one(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
    ) -> Result<Passed, ExecutionError> {
        let pass = move |current: &Execution| current.apply(Event::Passed { at_ms });
        match self.change(tenant, id, at_ms, None, pass).await {
            Ok(changed) => {
                tracing::info!(execution = id, status = changed.status.name(), "time has passed");
                points::pass("clock.told");
                Ok(Passed::Told)
            }
            Err(ChangeError::Store(
                error @ (StoreError::Damaged { .. } | StoreError::Sealed(_)),
            )) => {
                tracing::error!(execution = id, %error, "an execution is never told the time");
                Ok(Passed::Damaged)
            }
            // Somebody was faster.
            Err(ChangeError::Refused(Refused::Nothing) | ChangeError::NotFound) => Ok(Passed::Told),
            Err(ChangeError::Refused(refused)) => Err(refused.into()),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }
}
