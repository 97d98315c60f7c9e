//! What ends or waits calls for something at another execution: who called is told, and what was
//! called is called off. It is kept with the transition that calls for it, so that no crash in between
//! loses it, and whoever works first does it.

use futures_util::future;
use writ_core::execution::{Errand, Event};
use writ_core::journal::Outcome;
use writ_core::{Execution, Tenant};
use writ_store::{ChangeError, DueErrand};

use super::super::{ExecutionError, Executions};
use crate::clock::now_ms;
use crate::points;

/// How many errands are done side by side.
const PAGE: u32 = 64;
/// After how long one that could not be done is tried again, in milliseconds.
const REST_MS: u64 = 5_000;

/// What became of an errand.
enum Done {
    /// All that there was to do.
    All,
    /// It is tried again: what is to be called off runs.
    Later,
}

/// Why a call is not called off.
enum Goes {
    /// It has ended.
    Ended,
    /// It runs, and may wait for people or for others later.
    On,
}

impl Executions {
    /// Does every errand that is due. One that cannot be done stops no other.
    pub(super) async fn do_errands(&self) -> Result<(), ExecutionError> {
        loop {
            let due = self.store.errands(now_ms(), PAGE).await?;
            if due.is_empty() {
                return Ok(());
            }
            future::try_join_all(due.iter().map(|due| self.do_errand(due))).await?;
        }
    }

    async fn do_errand(&self, due: &DueErrand) -> Result<(), ExecutionError> {
        points::pass("tool.caller.untold");
        let done = match &due.errand {
            Errand::TellCaller { caller, call } => {
                self.tell_caller(&due.tenant, caller, call).await
            }
            Errand::CallOff { caller } => self.call_off(&due.tenant, caller).await,
        };
        match done {
            Ok(Done::All) => self.store.errand_done(due).await?,
            Ok(Done::Later) => self.store.errand_later(due, now_ms() + REST_MS).await?,
            Err(error) => {
                tracing::warn!(errand = due.id, %error, "an errand is tried again");
                self.store.errand_later(due, now_ms() + REST_MS).await?;
            }
        }
        Ok(())
    }

    /// Tells who called that a call has ended, if it has and they wait for it. If they do not wait
    /// yet, they look for themselves, and leave an errand when they begin to.
    async fn tell_caller(
        &self,
        tenant: &Tenant,
        caller: &str,
        call: &str,
    ) -> Result<Done, ExecutionError> {
        let called = self.store.execution(tenant, call).await?;
        if !called.is_some_and(|called| called.has_come_to_an_end()) {
            return Ok(Done::All);
        }
        let (at_ms, execution) = (now_ms(), call.to_owned());
        let change =
            move |current: &Execution| current.apply(Event::CallEnded { execution, at_ms });
        match self.change(tenant, caller, at_ms, None, change).await {
            Ok(_) => {
                points::pass("tool.caller.told");
                Ok(Done::All)
            }
            Err(ChangeError::Refused(_) | ChangeError::NotFound) => Ok(Done::All),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Calls off what an execution has called last: what it called before has ended. What that has
    /// called in turn is called off with it.
    async fn call_off(&self, tenant: &Tenant, caller: &str) -> Result<Done, ExecutionError> {
        let journal = self.store.journal(tenant, caller).await?;
        let call = journal.into_iter().rev().find_map(|entry| match entry.outcome {
            Outcome::Called { execution } => Some(execution),
            _ => None,
        });
        match call {
            Some(call) => self.cancel_call(tenant, &call, caller).await,
            None => Ok(Done::All),
        }
    }

    async fn cancel_call(
        &self,
        tenant: &Tenant,
        call: &str,
        caller: &str,
    ) -> Result<Done, ExecutionError> {
        let (at_ms, by) = (now_ms(), self.workshop.holder.clone());
        let reason = Some(format!("the execution {caller}, which called for it, has ended"));
        let change = move |current: &Execution| match current.has_come_to_an_end() {
            true => Err(Goes::Ended),
            false => current.apply(Event::Cancelled { by, reason, at_ms }).map_err(|_| Goes::On),
        };
        match self.change(tenant, call, at_ms, None, change).await {
            Ok(_) | Err(ChangeError::Refused(Goes::Ended) | ChangeError::NotFound) => Ok(Done::All),
            Err(ChangeError::Refused(Goes::On)) => Ok(Done::Later),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Calls an execution off that is about to begin or to go on for a caller who has ended: it was
    /// made by a run that did not know. Returns whether it was. What may be under way is not called off, but
    /// goes on: nobody else asks what became of it.
    pub(super) async fn is_called_off(&self, seen: &Execution) -> Result<bool, ExecutionError> {
        let Some(parent) = &seen.parent else { return Ok(false) };
        let caller = self.store.execution(&seen.tenant, &parent.execution).await?;
        let has_ended = caller.is_none_or(|caller| caller.has_come_to_an_end());
        if !has_ended {
            return Ok(false);
        }
        let done = self.cancel_call(&seen.tenant, &seen.id, &parent.execution).await?;
        Ok(matches!(done, Done::All))
    }
}
