//! Questions of a running tool to people: asked once, and waited for as long as it takes.

use tokio::time::timeout_at;
use uuid::Uuid;
use writ_core::execution::{Asking, Awaited, Event, Refused};
use writ_core::journal::Outcome;
use writ_core::tool::{Answer, AskError, Halt, HostCall};
use writ_core::{Execution, Fault, FaultCode, Requirement};
use writ_store::ChangeError;

use super::super::ExecutionError;
use super::host::{Book, RunHost};
use crate::clock::now_ms;
use crate::points;

impl RunHost {
    /// Asks people, and waits for them.
    pub(super) async fn ask(
        &self,
        book: &mut Book,
        call: &HostCall,
        requirement: Requirement,
    ) -> Result<Answer, Halt> {
        let refused = |error| Answer::NotAsked { error };
        let requirement = match requirement.checked() {
            // Others are told the question who may not see the arguments.
            Ok(requirement) => self.sensitive.mask_requirement(&requirement),
            Err(error) => {
                return book.read(call, refused(AskError::Invalid(error.to_string())));
            }
        };
        let approval = Uuid::now_v7().to_string();
        let outcome = Outcome::Asked { approval: approval.clone() };
        let entry = book.journal.draft(call, outcome).map_err(Halt::Fault)?;
        let at_ms = now_ms();
        let binding = self.tool.signature.bound.name.clone();
        let asked = Event::Asked {
            permit: self.permit,
            asking: Asking { approval: approval.clone(), binding, requirement },
            at_ms,
        };
        let (store, run) = (&self.executions.store, &self.run);
        let change = |current: &Execution| current.apply(asked);
        let entries = book.with(&entry);
        let changed =
            store.change_recording(&run.tenant, &run.execution, at_ms, &entries, change).await;
        match changed {
            Ok(changed) => self.executions.told(changed),
            Err(ChangeError::Refused(Refused::TooManyApprovals)) => {
                let text = Refused::TooManyApprovals.to_string();
                return book.read(call, refused(AskError::Denied(text)));
            }
            Err(error) => return Err(self.dropped(&error)),
        };
        points::pass("tool.asked");
        book.kept(entry);
        self.end_of(&approval).await
    }

    /// What people said, once they have; dropped where they take longer than the grace period.
    pub(super) async fn end_of(&self, approval: &str) -> Result<Answer, Halt> {
        let (_wait, end) = self.wait();
        let waiter = self.executions.waiting.join(&self.run.execution);
        loop {
            // Asked before reading: what changes in between rings.
            let rung = waiter.bell.notified();
            let execution = self.read().await?;
            let Some(found) = execution.approval(approval) else {
                let text = "an approval of the journal is not there";
                return Err(Halt::Fault(Fault::new(FaultCode::Internal, text)));
            };
            if found.expires_at_ms().is_none() {
                points::pass("tool.answered");
                return Ok(Answer::Approval { approval: Box::new(found.clone()) });
            }
            tokio::select! {
                rung = timeout_at(end, rung) => if rung.is_err() { break },
                () = self.executions.workshop.stopping() => break,
            }
        }
        let awaits = Awaited::Approval { id: approval.to_owned() };
        Err(self.suspend(awaits).await)
    }

    /// Lets the instance go, until what it waits for is there.
    pub(super) async fn suspend(&self, awaits: Awaited) -> Halt {
        let (at_ms, permit) = (now_ms(), self.permit);
        let event = Event::Suspended { permit, awaits, at_ms };
        let run = &self.run;
        let change = move |current: &Execution| current.apply(event);
        match self.executions.change(&run.tenant, &run.execution, at_ms, None, change).await {
            Ok(_) => {
                points::pass("tool.suspended");
                Halt::Dropped
            }
            Err(error) => self.dropped(&error),
        }
    }

    /// The run's execution as it stands.
    pub(super) async fn read(&self) -> Result<Execution, Halt> {
        let found = self.executions.store.execution(&self.run.tenant, &self.run.execution).await;
        let found = found
            .map_err(ExecutionError::from)
            .and_then(|found| found.ok_or(ExecutionError::NotFound));
        found.map_err(|error| {
            let execution = self.run.execution.as_str();
            tracing::error!(execution, %error, "a running tool's execution cannot be read");
            Halt::Dropped
        })
    }

    /// Why a step of the run was not kept: another run has begun, or the store does not answer.
    pub(super) fn dropped<R: std::fmt::Display>(&self, error: &ChangeError<R>) -> Halt {
        let execution = self.run.execution.as_str();
        match error {
            ChangeError::Refused(refused) => {
                tracing::info!(execution, %refused, "a run of a tool ends: it is the last no more");
            }
            other => {
                tracing::error!(execution, error = %other, "what a tool did cannot be kept; it runs again");
            }
        }
        Halt::Dropped
    }
}
