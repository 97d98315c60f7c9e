//! One run of a tool for an execution that was claimed.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use writ_core::execution::{Event, Refused, Report};
use writ_core::journal::{Damaged, SEED_BYTES};
use writ_core::{BoundTool, Digest, Execution, Fault, FaultCode, Journal, Tenant};
use writ_engine::{Called, Ended, ToolCall};
use writ_store::{ChangeError, Run};

use super::super::{ExecutionError, Executions, Permit};
use super::claim::Step;
use super::host::{Book, RunHost};
use crate::clock::now_ms;
use crate::points;
use crate::telemetry::RunEnd;
use crate::tool_set::LoadedTool;

/// How much longer than its tool a run may take, until it is thought dead.
const MARGIN_MS: u64 = 10_000;

/// How long a run of a tool may take until it is thought dead, in milliseconds: its time-out, what it
/// may wait beside that, and a margin.
fn lease_ms(tool: &LoadedTool, grace: Duration) -> u64 {
    tool.tool.limits().timeout_ms + grace.as_millis() as u64 + MARGIN_MS
}

/// How a run is counted.
fn run_end(called: &Called, departed: &Result<(), Fault>) -> RunEnd {
    match (&called.ended, departed) {
        (Ended::Dropped, _) => RunEnd::Dropped,
        (Ended::Faulted(fault), _) | (_, Err(fault)) => RunEnd::Faulted(fault.code),
        (Ended::Returned(_), Ok(())) => RunEnd::Succeeded,
        (Ended::Failed(_), Ok(())) => RunEnd::Failed,
    }
}

impl Executions {
    /// Carries an execution as far as it goes now.
    pub(super) async fn carry_out(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Step, ExecutionError> {
        let Some(seen) = self.store.execution(tenant, id).await? else { return Ok(Step::Done) };
        let is_work = seen.work_at_ms().is_some_and(|from_ms| from_ms <= now_ms());
        let Some(bound) = seen.tool.clone().filter(|_| is_work) else { return Ok(Step::Done) };
        if self.is_called_off(&seen).await? {
            return Ok(Step::Done);
        }
        let name = (seen.tenant.clone(), seen.id.clone());
        let ended = match bound.kind.is_component() {
            true => self.run_tool(seen, &bound).await,
            false => self.call_endpoint(seen, &bound).await,
        };
        self.workshop.running().remove(&name);
        ended
    }

    async fn run_tool(&self, seen: Execution, bound: &BoundTool) -> Result<Step, ExecutionError> {
        let tool = self.tools.tool(&bound.name).filter(|tool| tool.signature.bound == *bound);
        let tool =
            tool.cloned().ok_or_else(|| ExecutionError::NoSuchTool(bound.name.to_string()))?;
        let lease_ms = lease_ms(&tool, self.workshop.config.grace);
        let (running, permit) = match self.claim_here(seen, lease_ms).await? {
            Continue(claimed) => claimed,
            Break(step) => return Ok(step),
        };
        points::pass("tool.claimed");
        self.run(running, permit, tool).await.map(|()| Step::Done)
    }

    async fn run(
        &self,
        running: Execution,
        permit: Digest,
        tool: Arc<LoadedTool>,
    ) -> Result<(), ExecutionError> {
        let Execution { tenant, id, fence, created_at_ms, .. } = &running;
        let arguments = running.action().properties.clone();
        let sensitive = tool.signature.sensitive(&arguments);
        let run = Run { tenant: tenant.clone(), execution: id.clone(), fence: *fence };
        if let Some(error) = tool.signature.amended_badly(&arguments) {
            return self.keep_end(&running, self.reported(permit, Report::Failed(error))).await;
        }
        let (book, seed) = self.open_book(&run, &tool).await?;
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant: tenant.clone(),
            received_at_ms: *created_at_ms,
            has_begun: true,
            sensitive: sensitive.clone(),
        });
        let host = RunHost::new(self.clone(), tool.clone(), run.clone(), permit, book);
        let host = Arc::new(host.keeping(sensitive.clone()));
        let namespace = &tool.namespace;
        let (execution, arguments) = (&execution, &arguments);
        let call = ToolCall { execution, seed, namespace, arguments, host: host.clone() };
        let called = self.call(&tool, call).await;
        let departed = host.book().await.journal.ended();
        self.service
            .metrics()
            .tool(&tool.signature.bound.name)
            .ended(run_end(&called, &departed), called.duration);
        let report = match called.ended {
            Ended::Dropped => return Ok(()),
            // Nothing has begun, and the host is to blame.
            Ended::Faulted(fault) if fault.code == FaultCode::Overloaded => return Ok(()),
            Ended::Faulted(fault) => {
                let code = fault.code.as_str();
                let detail = fault.detail().map(|detail| sensitive.mask(detail).into_owned());
                let tool = tool.signature.bound.name.as_str();
                tracing::warn!(
                    execution = id,
                    tool,
                    code,
                    detail,
                    "the tool failed: {}",
                    sensitive.mask(&fault.message)
                );
                Report::Failed(fault.to_string())
            }
            Ended::Returned(_) | Ended::Failed(_) if departed.is_err() => {
                let fault = departed.expect_err("it was looked at");
                let message = sensitive.mask(&fault.message);
                tracing::warn!(execution = id, "the tool failed: {message}");
                Report::Failed(fault.to_string())
            }
            Ended::Returned(result) => Report::Succeeded(result),
            Ended::Failed(error) => Report::Failed(error),
        };
        points::pass("tool.effect.done-unrecorded");
        self.keep_end(&running, self.reported(permit, report)).await
    }

    /// What earlier runs were answered, and what the tool's random comes from: drawn for the first run
    /// that does anything.
    async fn open_book(
        &self,
        run: &Run,
        tool: &LoadedTool,
    ) -> Result<(Book, [u8; SEED_BYTES]), ExecutionError> {
        let damaged = |damaged: Damaged| ExecutionError::unavailable(&damaged.to_string());
        let entries = self.store.journal(&run.tenant, &run.execution).await?;
        let journal = Journal::new(entries, tool.tool.limits().of_journal());
        let mut journal = journal.map_err(damaged)?;
        let mut fresh = [0; SEED_BYTES];
        getrandom::fill(&mut fresh).expect("the system gives random bytes");
        let (seed, unkept) = journal.seed(fresh).map_err(damaged)?;
        Ok((Book { journal, unkept: unkept.into_iter().collect() }, seed))
    }

    async fn call(&self, tool: &LoadedTool, call: ToolCall<'_>) -> Called {
        let execution = call.execution.clone();
        let called = tool.tool.call(call).await;
        tracing::debug!(
            execution = execution.id,
            tool = tool.signature.bound.name.as_str(),
            fuel = called.fuel,
            duration_ms = called.duration.as_millis() as u64,
            host_calls = called.host_calls,
            "a run of a tool has ended"
        );
        called
    }

    /// Ends what waits for a tool of this name that nobody has any more.
    pub(super) async fn refuse_changed(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<(), ExecutionError> {
        let at_ms = now_ms();
        let (by, permit) =
            (self.workshop.holder.clone(), Permit::digest(Permit::random().expose()));
        let tools = self.tools.clone();
        let change = move |current: &Execution| {
            let name = current.tool.as_ref().map_or("", |bound| bound.name.as_str());
            let signature = tools.signature(name).ok_or(Refused::Nothing)?;
            let tool = signature.bound.clone();
            current.apply(Event::ToolChanged { tool, by, permit, at_ms })
        };
        match self.change(tenant, id, at_ms, None, change).await {
            Ok(changed) => {
                let tool = changed.tool.as_ref().map(|bound| bound.name.as_str());
                tracing::warn!(execution = id, tool, "its tool is another now; it does not go on");
                Ok(())
            }
            // It has changed meanwhile, or somebody else was faster.
            Err(ChangeError::Refused(_) | ChangeError::NotFound) => Ok(()),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }
}
