//! A new execution: decided, and kept together with its decision.

use std::sync::Arc;

use uuid::Uuid;
use writ_core::execution::{Parent, Retry, Status};
use writ_core::{BoundTool, DecisionRecord, Digest, Execution, Person, Principal, Request, Tenant};
use writ_store::{CommitError, CreateError, Created, Grounds, IdempotencyKey, Store};

use super::super::decide::{Asking, Deciding};
use super::super::keep::{Attempt, Keep};
use super::super::round::Round;
use super::super::{Active, Meta, Service};
use super::{ExecutionError, Executions, may_carry_out, ruling};
use crate::clock::now_ms;
use crate::tool_set::Signature;

/// How long an execution that is allowed waits for its caller to claim it, in milliseconds: a day.
/// Policies are asked again when it is claimed, where people agreed or another set decides by then.
const CLAIMED_WITHIN_MS: u64 = 86_400_000;
/// How long one waits that hosts carry out, in milliseconds: 90 days. No host may be there for long, and
/// what people agreed to is not lost for that.
const CARRIED_OUT_WITHIN_MS: u64 = 90 * 86_400_000;

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// What is to be done.
    pub request: Request,
    /// Keys of a request that may be sent again, the caller's first.
    pub idempotency: Vec<IdempotencyKey>,
    /// The tool of this host that is to do it; none where the caller will.
    pub tool: Option<String>,
}

/// What a tool calls for.
pub(super) struct Nested {
    /// The id that the caller's journal has for it.
    pub(super) id: String,
    /// What is to be done: the action is named as the tool is.
    pub(super) request: Request,
    /// Who calls.
    pub(super) parent: Parent,
}

impl Executions {
    /// Decides and keeps a new execution; or gives the one that the same key made before.
    ///
    /// # Errors
    /// [`ExecutionError::KeyReused`], [`ExecutionError::Undecided`], and where a tool is to do it,
    /// [`ExecutionError::NoSuchTool`] and [`ExecutionError::Arguments`].
    pub async fn create(
        &self,
        active: &Active,
        by: &Principal,
        new: NewExecution,
        meta: Meta,
    ) -> Result<Execution, ExecutionError> {
        for key in &new.idempotency {
            if let Some(earlier) = self.store.repeated(&by.tenant, key).await? {
                return Ok(earlier);
            }
        }
        let tool = self.tool_for(&new)?;
        let (tenant, requester) = (by.tenant.clone(), by.person.clone());
        let id = Uuid::now_v7().to_string();
        let received = received(id, tenant, requester, new.request, tool);
        self.create_received(active, received, new.idempotency, None, meta).await
    }

    /// Decides and keeps an execution that does once more what another was to do, from the start: the
    /// same request of the same requester, under the policies and tools of now, and people are asked
    /// anew. One that has been retried is not retried again: its retry is given.
    ///
    /// # Errors
    /// [`ExecutionError::NotRetried`] where it came to something, or may have; else as
    /// [`Executions::create`].
    pub async fn retry(
        &self,
        active: &Active,
        by: &Principal,
        id: &str,
        meta: Meta,
    ) -> Result<Execution, ExecutionError> {
        let ended = self.one(by, id).await?;
        may_carry_out(by, &ended)?;
        if !ended.may_be_retried() {
            return Err(ExecutionError::not_retried(&ended));
        }
        let key = retry_key(&ended);
        if let Some(earlier) = self.store.repeated(&by.tenant, &key).await? {
            return Ok(earlier);
        }
        let tool = ended.tool.as_ref().map(|tool| tool.name.as_str().to_owned());
        let idempotency = vec![key];
        let new = NewExecution { request: ended.request.clone(), idempotency, tool };
        let tool = self.tool_for(&new)?;
        let (tenant, requester) = (ended.tenant.clone(), ended.requester.clone());
        let id = Uuid::now_v7().to_string();
        let received = received(id, tenant, requester, new.request, tool);
        let retry = Retry { of: ended.id.clone(), by: by.person.clone() };
        let received = received.retrying(retry);
        self.create_received(active, received, new.idempotency, Some(ended), meta).await
    }

    /// Decides and keeps what a tool calls for, in the name of whoever sent the caller's.
    ///
    /// # Errors
    /// [`ExecutionError::NoSuchTool`], [`ExecutionError::Undecided`].
    pub(super) async fn create_nested(
        &self,
        caller: &Execution,
        nested: Nested,
    ) -> Result<Execution, ExecutionError> {
        let Nested { id, request, parent } = nested;
        let name = &request.action.name;
        let tool = self.signature(name)?.bound.clone();
        let (tenant, requester) = (caller.tenant.clone(), caller.requester.clone());
        let received = received(id, tenant, requester, request, Some(tool)).called_by(parent);
        let in_force = self.service.in_force();
        let active = in_force.set_for_plain(&received.request);
        self.create_received(active, received, Vec::new(), None, Meta::default()).await
    }

    async fn create_received(
        &self,
        active: &Active,
        received: Execution,
        idempotency: Vec<IdempotencyKey>,
        retries: Option<Execution>,
        meta: Meta,
    ) -> Result<Execution, ExecutionError> {
        let (id, at_ms) = (received.id.clone(), received.created_at_ms);
        let (tenant, request) = (received.tenant.clone(), received.request.clone());
        let service: &Service = &self.service;
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant,
            received_at_ms: at_ms,
            has_begun: false,
            sensitive: service.sensitive(&request),
        });
        let asking = Asking { by: Some(&received.requester), request: &request };
        let deciding = Deciding::new(service, active, &execution, id, asking, meta);
        let retries = retries.map(Box::new);
        let creation = Creation { store: &self.store, received, idempotency, retries, at_ms };
        let (round, kept) = deciding.until_kept(request, &creation).await?;
        // Otherwise somebody else's decision counts, and has been counted.
        if kept.id == execution.id {
            deciding.decided(round);
        }
        Ok(self.told(kept))
    }

    /// What may be asked of the tool or endpoint of a name.
    fn signature(&self, name: &str) -> Result<&Signature, ExecutionError> {
        self.tools.signature(name).ok_or_else(|| ExecutionError::NoSuchTool(name.to_owned()))
    }

    /// The tool that is to do it, which takes the arguments as they are.
    fn tool_for(&self, new: &NewExecution) -> Result<Option<BoundTool>, ExecutionError> {
        let Some(name) = &new.tool else { return Ok(None) };
        let tool = self.signature(name)?;
        // Policies match on the action's name: under another they would decide about something else
        // than what runs.
        let action = &new.request.action;
        if action.name != *name {
            let (tool, action) = (name.clone(), action.name.clone());
            return Err(ExecutionError::OtherAction { tool, action });
        }
        let flaws = tool.flaws(&action.properties);
        match flaws.is_empty() {
            true => Ok(Some(tool.bound.clone())),
            false => Err(ExecutionError::Arguments(tool.bound.name.clone(), flaws)),
        }
    }
}

/// Of all who retry an execution at once, or again, one does. No header can hold this key, so it is
/// no caller's.
fn retry_key(ended: &Execution) -> IdempotencyKey {
    let (requester, body) = (ended.requester.clone(), Digest::of(&ended.id));
    IdempotencyKey { requester, key: format!("\u{1}retry {}", ended.id), body }
}

/// Keeps a new execution.
struct Creation<'a> {
    store: &'a Store,
    received: Execution,
    idempotency: Vec<IdempotencyKey>,
    retries: Option<Box<Execution>>,
    at_ms: u64,
}

impl Keep for Creation<'_> {
    type Kept = Execution;
    type Error = ExecutionError;

    async fn keep(
        &self,
        round: &mut Round,
        record: DecisionRecord,
    ) -> Result<Attempt<Execution>, ExecutionError> {
        let transition = self.received.apply(ruling::decided(round, &record, self.at_ms))?;
        let goes_on = matches!(transition.next.status, Status::Allowed { .. });
        let id = record.id.clone();
        let grounds = Grounds { decision: record, ledgers: round.take_ledgers(goes_on) };
        let created = Created {
            execution: transition.next.clone(),
            facts: transition.facts,
            at_ms: self.at_ms,
            idempotency: self.idempotency.clone(),
            retries: self.retries.clone(),
        };
        match self.store.create(created, Some(grounds)).await {
            Ok(()) => Ok(Attempt::Kept(transition.next)),
            // Somebody else has sent the same at the same time: theirs counts.
            Err(CreateError::Repeated(earlier)) => Ok(Attempt::Kept(*earlier)),
            Err(CreateError::Commit(error @ CommitError::Conflict(_))) => {
                Ok(Attempt::of(&id, Err(error))?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What has just been asked for, and is carried out by a tool or by its caller.
fn received(
    id: String,
    tenant: Tenant,
    requester: Person,
    request: Request,
    tool: Option<BoundTool>,
) -> Execution {
    let within_ms = if tool.is_some() { CARRIED_OUT_WITHIN_MS } else { CLAIMED_WITHIN_MS };
    let received = Execution::received(id, tenant, requester, request, within_ms, now_ms());
    match tool {
        Some(tool) => received.by_tool(tool),
        None => received,
    }
}
