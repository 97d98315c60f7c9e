//! Tools that a running tool calls: executions of their own, in the name of the same requester.

use tokio::time::timeout_at;
use uuid::Uuid;
use writ_core::execution::{Awaited, Denied, Event, Parent, Status};
use writ_core::journal::Outcome;
use writ_core::tool::{Answer, CallError, DEPTH_MAX, Halt, HostCall, ToolInfo};
use writ_core::{Action, Execution, Json, Request};

use super::super::{ExecutionError, Nested};
use super::host::{Book, RunHost};
use crate::clock::now_ms;
use crate::points;

/// How many tools a search finds at most.
const FOUND_MAX: usize = 100;

impl RunHost {
    /// Granted tools that a query finds.
    pub(super) fn search(&self, query: &str, limit: u32) -> Answer {
        let query = query.to_lowercase();
        let granted = self
            .tool
            .granted
            .iter()
            .filter_map(|name| self.executions.tools.signature(name.as_str()));
        let info = granted.filter_map(|tool| {
            let info = ToolInfo {
                name: tool.bound.name.to_string(),
                description: tool.summary.clone(),
                input_schema: Json::from_value(&tool.input_schema).ok()?,
            };
            let texts = [&info.name, &info.description];
            texts.iter().any(|text| text.to_lowercase().contains(&query)).then_some(info)
        });
        Answer::Tools { tools: info.take(FOUND_MAX.min(limit as usize)).collect() }
    }

    /// Calls another tool, and waits for its end.
    pub(super) async fn call_tool(
        &self,
        book: &mut Book,
        call: &HostCall,
        name: &str,
        arguments: &str,
    ) -> Result<Answer, Halt> {
        let caller = self.read().await?;
        if let Err(error) = self.callable(&caller, name, arguments) {
            return book.read(call, Answer::NotCalled { error });
        }
        let execution = Uuid::now_v7().to_string();
        let outcome = Outcome::Called { execution: execution.clone() };
        let entry = book.journal.draft(call, outcome).map_err(Halt::Fault)?;
        let entries = book.with(&entry);
        let kept = self.executions.store.record(&self.run, &entries, Vec::new()).await;
        kept.map_err(|error| self.unkept(&error))?;
        points::pass("tool.call.recorded");
        book.kept(entry);
        self.end_of_call(&execution, name, arguments).await
    }

    /// The arguments of a call that may be made.
    fn callable(&self, caller: &Execution, name: &str, arguments: &str) -> Result<Json, CallError> {
        let granted = self.tool.granted.iter().any(|granted| granted.as_str() == name);
        let tool = self.executions.tools.signature(name).filter(|_| granted);
        let tool = tool.ok_or(CallError::NotFound)?;
        // The first one is at depth 0.
        if caller.depth() as usize + 2 > DEPTH_MAX {
            let text = format!("calls are nested {DEPTH_MAX} deep already");
            return Err(CallError::LimitExceeded(text));
        }
        let arguments = Json::parse_object(arguments)
            .map_err(|error| CallError::Failed(format!("the arguments are no object: {error}")))?;
        match tool.flaws(&arguments).first() {
            None => Ok(arguments),
            Some(flaw) => Err(CallError::Failed(format!(
                "the arguments break the tool's schema at `{}`: {}",
                flaw.pointer, flaw.message
            ))),
        }
    }

    /// What became of a call, which is made where it was recorded and not made yet; dropped where it
    /// takes longer than the grace period.
    pub(super) async fn end_of_call(
        &self,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Result<Answer, Halt> {
        let waiter = self.executions.waiting.join(id);
        let (_wait, end) = self.wait();
        loop {
            // Asked before reading: what changes in between rings.
            let rung = waiter.bell.notified();
            let called = match self.find(id).await? {
                Some(called) => called,
                None => {
                    let made = Box::pin(self.make(id, name, arguments)).await?;
                    points::pass("tool.call.made");
                    made
                }
            };
            match answer(&called) {
                Some(Ok(answer)) => {
                    points::pass("tool.call.ended");
                    return Ok(answer);
                }
                Some(Err(Lost)) => return Err(self.lose().await),
                None => {}
            }
            tokio::select! {
                rung = timeout_at(end, rung) => if rung.is_err() { break },
                () = self.executions.workshop.stopping() => break,
            }
        }
        let awaits = Awaited::Execution { id: id.to_owned(), has_ended: false };
        Err(self.suspend(awaits).await)
    }

    async fn make(&self, id: &str, name: &str, arguments: &str) -> Result<Execution, Halt> {
        let caller = self.read().await?;
        let made = match self.callable(&caller, name, arguments) {
            Ok(properties) => {
                let Request { subject, resource, context, .. } = caller.request.clone();
                let action = Action { name: name.to_owned(), properties };
                let retried_by = caller.retried_by().cloned();
                let parent =
                    Parent { execution: caller.id.clone(), depth: caller.depth(), retried_by };
                let request = Request { subject, action, resource, context };
                self.executions
                    .create_nested(&caller, Nested { id: id.to_owned(), request, parent })
                    .await
            }
            // It could be called when that was recorded: the host has other tools now.
            Err(_) => Err(ExecutionError::NoSuchTool(name.to_owned())),
        };
        made.map_err(|error| {
            let execution = self.run.execution.as_str();
            tracing::error!(execution, %error, "a tool's call cannot be made; it runs again");
            Halt::Dropped
        })
    }

    async fn find(&self, id: &str) -> Result<Option<Execution>, Halt> {
        let found = self.executions.store.execution(&self.run.tenant, id).await;
        found.map_err(|error| {
            tracing::error!(execution = id, %error, "the execution of a tool's call cannot be read");
            Halt::Dropped
        })
    }

    /// Nobody knows what became of what it has begun, so nobody knows what becomes of it.
    async fn lose(&self) -> Halt {
        let (at_ms, permit) = (now_ms(), self.permit);
        let error = "nobody knows what became of what its tool called".to_owned();
        let event = Event::Lost { permit, error, at_ms };
        let change = move |current: &Execution| current.apply(event);
        let run = &self.run;
        match self.executions.change(&run.tenant, &run.execution, at_ms, None, change).await {
            Ok(_) => Halt::Dropped,
            Err(error) => self.dropped(&error),
        }
    }
}

/// Nobody knows what became of it.
struct Lost;

/// What a caller is answered once a call has ended.
fn answer(called: &Execution) -> Option<Result<Answer, Lost>> {
    let error = match &called.status {
        Status::Succeeded { result } => {
            return Some(Ok(Answer::Result { result: result.clone() }));
        }
        Status::Unknown { .. } => return Some(Err(Lost)),
        Status::Failed { error } => CallError::Failed(error.clone()),
        Status::Denied(denied) => CallError::Denied(told(denied)),
        Status::Rejected | Status::Expired | Status::Cancelled { .. } => {
            CallError::Denied(format!("it is {}", called.status.name()))
        }
        Status::Received
        | Status::AwaitingApproval
        | Status::Allowed { .. }
        | Status::Running { .. }
        | Status::Suspended { .. } => return None,
    };
    Some(Ok(Answer::NotCalled { error }))
}

fn told(denied: &Denied) -> String {
    let reasons = denied.reasons.iter().map(|said| format!("`{}`: {}", said.binding, said.reason));
    let reasons: Vec<_> = reasons.collect();
    if reasons.is_empty() { denied.code.clone() } else { reasons.join("; ") }
}
