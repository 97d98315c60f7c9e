//! What this host has claimed: begun where policies let it go on, and ended, or given back.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::{Duration, Instant};

use writ_core::execution::{Event, Report};
use writ_core::{Digest, Execution};
use writ_store::ChangeError;

use super::super::{Claim, ExecutionError, Executions, Permit};
use crate::clock::now_ms;
use crate::points;
use crate::service::Meta;

/// After how long an answer that could not be kept is kept again.
const KEEP_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What became of taking an execution a step further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All that could be done.
    Done,
    /// Nothing now: it is to be tried again in a while.
    Later,
}

impl Executions {
    /// Claims an execution for this host, for as long as a lease; or tells what has become of it.
    pub(super) async fn claim_here(
        &self,
        seen: Execution,
        lease_ms: u64,
    ) -> Result<ControlFlow<Step, (Execution, Digest)>, ExecutionError> {
        let claim = Claim { action: seen.digest, lease_ms };
        let (in_force, holder) = (self.service.in_force(), &self.workshop.holder);
        let active = in_force.set_for_plain(&seen.request);
        match self.begin(active, seen, holder, &claim, &Meta::default()).await {
            Ok((running, Some(permit))) => {
                let permit = Permit::digest(permit.expose());
                let name = (running.tenant.clone(), running.id.clone());
                self.workshop.running().insert(name, permit);
                Ok(Continue((running, permit)))
            }
            // Policies say something else than before; or somebody else was faster.
            Ok((_, None)) | Err(ExecutionError::Refused(_)) => Ok(Break(Step::Done)),
            Err(ExecutionError::NoVerdict(_)) => Ok(Break(Step::Later)),
            Err(error) => Err(error),
        }
    }

    /// That this host has carried an action out, or could not.
    pub(super) fn reported(&self, permit: Digest, report: Report) -> Event {
        Event::Reported { by: self.workshop.holder.clone(), permit, report, at_ms: now_ms() }
    }

    /// Keeps what a claim led to. One that is the last no more has nothing to say.
    pub(super) async fn keep_end(
        &self,
        running: &Execution,
        event: Event,
    ) -> Result<(), ExecutionError> {
        let change = move |current: &Execution| current.apply(event);
        match self.change(&running.tenant, &running.id, now_ms(), None, change).await {
            Ok(_) => {
                points::pass("tool.ended");
                Ok(())
            }
            Err(ChangeError::Refused(refused)) => {
                tracing::info!(execution = running.id, %refused, "the end of a claim is not kept");
                Ok(())
            }
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Keeps what an endpoint answered. Nobody else could tell it, so it is tried again while the store
    /// cannot write, and its claim lasts.
    pub(super) async fn keep_answer(
        &self,
        running: &Execution,
        event: Event,
        until: Instant,
    ) -> Result<(), ExecutionError> {
        loop {
            match self.keep_end(running, event.clone()).await {
                Err(ExecutionError::Unavailable) if Instant::now() < until => {
                    tokio::time::sleep(KEEP_AGAIN_AFTER).await;
                }
                kept => return kept,
            }
        }
    }

    /// Gives back what was cut off: another host need not wait for the end of its lease.
    pub(super) async fn give_back(&self) {
        let cut_off = std::mem::take(&mut *self.workshop.running());
        for ((tenant, id), permit) in cut_off {
            let at_ms = now_ms();
            let release =
                move |current: &Execution| current.apply(Event::Released { permit, at_ms });
            match self.change(&tenant, &id, at_ms, None, release).await {
                Ok(_) => tracing::info!(execution = id, "a run is given back"),
                Err(ChangeError::Refused(_) | ChangeError::NotFound) => {}
                Err(error) => {
                    let error = ExecutionError::of(error);
                    tracing::warn!(execution = id, %error, "a run is taken over after its lease");
                }
            }
        }
    }
}
