//! One run: an execution is claimed, its tool called, and its end kept.

use std::sync::Arc;
use std::time::Duration;

use writ_core::execution::{Event, Report, Status};
use writ_core::{Digest, Execution, FaultCode, Journal, Json, Tenant};
use writ_engine::{Called, Ended, ToolCall};
use writ_store::{ChangeError, Run};

use super::super::{Claim, ExecutionError, Executions};
use super::Call;
use super::host::RunHost;
use crate::clock::now_ms;
use crate::service::Meta;
use crate::tool_set::LoadedTool;

/// How much longer than its tool a run may take, until it is thought dead.
const MARGIN_MS: u64 = 10_000;

/// How long a run of a tool may take until it is thought dead, in milliseconds: its time-out, what it
/// may wait beside that, and a margin.
fn lease_ms(tool: &LoadedTool, grace: Duration) -> u64 {
    tool.tool.limits().timeout_ms + grace.as_millis() as u64 + MARGIN_MS
}

/// What became of taking an execution a step further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All that could be done.
    Done,
    /// Nothing now: it is to be tried again in a while.
    Later,
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
        let Some(tool) = self.tools.get(bound.name.as_str()).cloned() else {
            tracing::warn!(execution = id, tool = %bound.name, "this host has no such tool");
            return Ok(Step::Later);
        };
        if tool.bound != bound {
            return self.refuse_changed(&seen, &tool).await;
        }
        let claim =
            Claim { action: seen.digest, lease_ms: lease_ms(&tool, self.workshop.config.grace) };
        let (active, holder) = (self.service.active(), &self.workshop.holder);
        let begun = self.begin(&active, seen, holder, &claim, &Meta::default()).await;
        let (running, permit) = match begun {
            Ok((running, Some(permit))) => (running, Digest::of(permit.expose())),
            // Policies say something else than before; or somebody else was faster.
            Ok((_, None)) | Err(ExecutionError::Refused(_)) => return Ok(Step::Done),
            Err(ExecutionError::NoVerdict(_)) => return Ok(Step::Later),
            Err(error) => return Err(error),
        };
        self.run(running, permit, tool).await?;
        Ok(Step::Done)
    }

    async fn run(
        &self,
        running: Execution,
        permit: Digest,
        tool: Arc<LoadedTool>,
    ) -> Result<(), ExecutionError> {
        let Execution { tenant, id, fence, created_at_ms, .. } = &running;
        let arguments = running.action().properties.clone();
        let sensitive = tool.sensitive(&arguments);
        let run = Run { tenant: tenant.clone(), execution: id.clone(), fence: *fence };
        if let Some(flaw) = tool.flaws(&arguments).first() {
            let error = format!(
                "the arguments, as policies amended them, break the tool's schema at `{}`: {}",
                flaw.pointer, flaw.message
            );
            return self.end(&run, permit, Report::Failed(error)).await;
        }
        let entries = self.store.journal(tenant, id).await?;
        let journal = match Journal::new(entries, tool.tool.limits().of_journal()) {
            Ok(journal) => journal,
            Err(damaged) => return Err(ExecutionError::unavailable(&damaged.to_string())),
        };
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant: tenant.clone(),
            received_at_ms: *created_at_ms,
            sensitive: sensitive.clone(),
        });
        let host = RunHost::new(self.clone(), tool.clone(), run.clone(), permit, journal);
        let host = Arc::new(host.keeping(sensitive.clone()));
        let called = self.call(&tool, &execution, &arguments, host.clone()).await;
        let departed = host.book().await.journal.ended();
        let report = match called.ended {
            Ended::Dropped => return Ok(()),
            // Nothing has begun, and the host is to blame.
            Ended::Faulted(fault) if fault.code == FaultCode::Overloaded => return Ok(()),
            Ended::Faulted(fault) => {
                let code = fault.code.as_str();
                let detail = fault.detail().map(|detail| sensitive.mask(detail).into_owned());
                let tool = tool.bound.name.as_str();
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
        self.end(&run, permit, report).await
    }

    async fn call(
        &self,
        tool: &LoadedTool,
        execution: &Arc<writ_engine::Execution>,
        arguments: &Json,
        host: Arc<RunHost>,
    ) -> Called {
        let call = ToolCall { execution, namespace: &tool.namespace, arguments, host };
        let called = tool.tool.call(call).await;
        tracing::debug!(
            execution = execution.id,
            tool = tool.bound.name.as_str(),
            fuel = called.fuel,
            duration_ms = called.duration.as_millis(),
            host_calls = called.host_calls,
            "a run of a tool has ended"
        );
        called
    }

    /// Keeps how a tool ended. A run that is the last no more has nothing to say.
    async fn end(&self, run: &Run, permit: Digest, report: Report) -> Result<(), ExecutionError> {
        let (by, at_ms) = (self.workshop.holder.clone(), now_ms());
        let event = Event::Reported { by, permit, report, at_ms };
        let change = |current: &Execution| current.apply(event);
        match self.store.change(&run.tenant, &run.execution, at_ms, None, change).await {
            Ok(changed) => {
                self.told(changed);
                Ok(())
            }
            Err(ChangeError::Refused(refused)) => {
                tracing::info!(execution = run.execution, %refused, "a tool's end is not kept");
                Ok(())
            }
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Tells who called that a call has ended, if they wait for it.
    pub(super) async fn tell_caller(&self, call: &Call) -> Result<(), ExecutionError> {
        let (at_ms, execution) = (now_ms(), call.called.clone());
        let change = |current: &Execution| current.apply(Event::CallEnded { execution, at_ms });
        match self.store.change(&call.tenant, &call.caller, at_ms, None, change).await {
            Ok(changed) => {
                self.told(changed);
                Ok(())
            }
            Err(ChangeError::Refused(_) | ChangeError::NotFound) => Ok(()),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// The tool is not the one that was allowed: what has not begun does not, and what has fails.
    async fn refuse_changed(
        &self,
        seen: &Execution,
        tool: &LoadedTool,
    ) -> Result<Step, ExecutionError> {
        let (at_ms, holder) = (now_ms(), self.workshop.holder.clone());
        let reason = format!(
            "tool-changed: the tool `{}` is now {}, which is not the one that was allowed",
            tool.bound.name, tool.bound.digest
        );
        let change = |current: &Execution| match current.status {
            Status::Running { .. } => {
                let permit = Digest::of(reason.as_bytes());
                let (action, lease_until_ms) = (current.digest, at_ms + MARGIN_MS);
                let permission = writ_core::execution::Permission {
                    holder: holder.clone(),
                    action,
                    permit,
                    lease_until_ms,
                };
                let report = Report::Failed(reason.clone());
                let reported = Event::Reported { by: holder.clone(), permit, report, at_ms };
                current.apply(Event::Claimed { permission, at_ms })?.and(reported)
            }
            _ => {
                let (by, reason) = (holder.clone(), Some(reason.clone()));
                current.apply(Event::Cancelled { by, reason, at_ms })
            }
        };
        match self.store.change(&seen.tenant, &seen.id, at_ms, None, change).await {
            Ok(changed) => {
                self.told(changed);
                Ok(Step::Done)
            }
            Err(ChangeError::Refused(_)) => Ok(Step::Done),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }
}
