//! A new execution: decided, and kept together with its decision.

use std::sync::Arc;

use uuid::Uuid;
use writ_core::execution::{Parent, Status};
use writ_core::{BoundTool, DecisionRecord, Execution, Principal, Request};
use writ_store::{CommitError, CreateError, Created, Grounds, IdempotencyKey, Store};

use super::super::decide::Deciding;
use super::super::keep::{Attempt, Keep};
use super::super::round::Round;
use super::super::{Active, Meta, Service};
use super::{ExecutionError, Executions, ruling};
use crate::clock::now_ms;

/// How long an execution that is allowed waits to be claimed, in milliseconds: 5 minutes. What
/// policies have seen of the world when they allowed it is then old.
const START_WITHIN_MS: u64 = 300_000;

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
        let received =
            Execution::received(id, tenant, requester, new.request, START_WITHIN_MS, now_ms());
        let received = match tool {
            Some(tool) => received.by_tool(tool),
            None => received,
        };
        self.create_received(active, received, new.idempotency, meta).await
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
        let tool = self.tools.get(name).ok_or_else(|| ExecutionError::NoSuchTool(name.clone()))?;
        let tool = tool.bound.clone();
        let (tenant, requester) = (caller.tenant.clone(), caller.requester.clone());
        let received =
            Execution::received(id, tenant, requester, request, START_WITHIN_MS, now_ms());
        let received = received.by_tool(tool).called_by(parent);
        let active = self.service.active();
        self.create_received(&active, received, Vec::new(), Meta::default()).await
    }

    async fn create_received(
        &self,
        active: &Active,
        received: Execution,
        idempotency: Vec<IdempotencyKey>,
        meta: Meta,
    ) -> Result<Execution, ExecutionError> {
        let (id, at_ms) = (received.id.clone(), received.created_at_ms);
        let (tenant, request) = (received.tenant.clone(), received.request.clone());
        let service: &Service = &self.service;
        let execution = Arc::new(writ_engine::Execution {
            id: id.clone(),
            tenant,
            received_at_ms: at_ms,
            sensitive: service.sensitive(&request),
        });
        let deciding = Deciding::new(service, active, &execution, id, &request, meta);
        let creation = Creation { store: &self.store, received, idempotency, at_ms };
        let (round, kept) = deciding.until_kept(request, &creation).await?;
        // Otherwise somebody else's decision counts, and has been counted.
        if kept.id == execution.id {
            deciding.decided(round);
        }
        Ok(self.told(kept))
    }

    /// The tool that is to do it, which takes the arguments as they are.
    fn tool_for(&self, new: &NewExecution) -> Result<Option<BoundTool>, ExecutionError> {
        let Some(name) = &new.tool else { return Ok(None) };
        let tool = self.tools.get(name).ok_or_else(|| ExecutionError::NoSuchTool(name.clone()))?;
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

/// Keeps a new execution.
struct Creation<'a> {
    store: &'a Store,
    received: Execution,
    idempotency: Vec<IdempotencyKey>,
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
