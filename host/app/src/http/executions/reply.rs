//! What callers read of executions and approvals.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use writ_core::ChainedEvent;
use writ_core::approval::{ApprovalState, Choice, Vote};
use writ_core::execution::{Awaited, Denied, Fact, Status};
use writ_core::{Approval, BoundTool, Digest, Entity, Execution, Person};
use writ_store::Page;

use crate::http::reply::{ActionReply, RequirementReply, raw};

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub struct ExecutionReply<'a> {
    /// A UUID version 7.
    #[schema(format = "uuid")]
    id: &'a str,
    /// `received`, `denied`, `awaiting-approval`, `rejected`, `expired`, `cancelled`, `allowed`,
    /// `running`, `suspended`, `succeeded`, `failed` or `unknown`.
    #[schema(example = "awaiting-approval")]
    status: &'static str,
    /// Grows with every change; also the entity tag.
    version: u64,
    /// In milliseconds since the Unix epoch.
    created_at_ms: u64,
    /// Who sent it.
    #[schema(value_type = String)]
    requester: &'a Person,
    subject: EntityReply<'a>,
    /// What is to be done, as policies amended it.
    action: ActionReply<'a>,
    resource: EntityReply<'a>,
    /// What the caller said besides.
    #[schema(value_type = Object)]
    context: &'a RawValue,
    /// Names what is to be done: tenant, subject, action and resource.
    #[schema(value_type = String)]
    digest: Digest,
    /// The tool of this host that carries it out; none where its requester does.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<ToolReply<'a>>,
    /// The execution whose tool called for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    parent: Option<&'a str>,
    /// The execution that this one is a retry of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    retry_of: Option<&'a str>,
    /// What people were asked.
    approvals: Vec<ApprovalReply<'a>>,
    /// Why it may not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<DenialReply<'a>>,
    /// Until when it may be claimed, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_by_ms: Option<u64>,
    /// When who carries it out must have reported, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until_ms: Option<u64>,
    /// Who carries it out, or did when it became unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    holder: Option<&'a Person>,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<&'a RawValue>,
    /// Why it failed, or was called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Executions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Executions)]
pub struct ExecutionsReply<'a> {
    items: Vec<ExecutionReply<'a>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// An execution that the caller carries out from now on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Claimed)]
pub struct ClaimReply<'a> {
    #[serde(flatten)]
    execution: ExecutionReply<'a>,
    /// What the caller reports with; shown once.
    permit: &'a str,
}

/// A subject or a resource.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EntityShown)]
struct EntityReply<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: &'a str,
    #[schema(value_type = Object)]
    properties: &'a RawValue,
}

/// A tool of this host.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolShown)]
struct ToolReply<'a> {
    #[schema(example = "payout")]
    name: &'a str,
    /// Of its component; part of what is decided.
    #[schema(value_type = String)]
    digest: Digest,
}

/// Why an action may not go on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Denial)]
struct DenialReply<'a> {
    /// A stable code.
    #[schema(example = "denied-by-policy")]
    code: &'a str,
    reasons: Vec<ReasonReply<'a>>,
}

/// What one policy said against it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DenialReason)]
struct ReasonReply<'a> {
    binding: &'a str,
    reason: &'a str,
}

/// What people were asked, and said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalReply<'a> {
    /// A UUID version 7.
    #[schema(format = "uuid")]
    id: &'a str,
    /// `pending`, `approved`, `rejected`, `expired` or `cancelled`.
    state: &'static str,
    /// Which stage is being asked: its place in `requirement.stages`, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<usize>,
    /// When that stage ends, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<u64>,
    /// In milliseconds since the Unix epoch.
    opened_at_ms: u64,
    requirement: RequirementReply<'a>,
    votes: Vec<VoteReply<'a>>,
}

/// One person's answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Vote)]
struct VoteReply<'a> {
    /// `user:ID`.
    approver: String,
    /// `approve` or `reject`.
    #[schema(value_type = String)]
    decision: Choice,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Which stage it answered, from 0.
    stage: usize,
    /// In milliseconds since the Unix epoch.
    at_ms: u64,
}

/// Events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Events)]
pub struct EventsReply<'a> {
    items: Vec<EventReply<'a>>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// One event of a tenant's chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventReply<'a> {
    /// Its place in the tenant's chain, from 1.
    sequence: u64,
    /// In milliseconds since the Unix epoch.
    at_ms: u64,
    /// The execution's id; none where it happened to the chain itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'a str>,
    /// What has happened, with its `kind`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    fact: &'a Fact,
    /// SHA-256 over the event and the hash before it.
    #[schema(value_type = String)]
    hash: Digest,
}

impl<'a> ExecutionReply<'a> {
    /// An execution, with what is true in its status.
    pub fn new(execution: &'a Execution) -> Self {
        let request = &execution.request;
        let mut reply = Self {
            id: &execution.id,
            status: execution.status.name(),
            version: execution.version,
            created_at_ms: execution.created_at_ms,
            requester: &execution.requester,
            subject: EntityReply::new(&request.subject),
            action: ActionReply::new(execution.action()),
            resource: EntityReply::new(&request.resource),
            context: raw(&request.context),
            digest: execution.digest,
            tool: execution.tool.as_ref().map(ToolReply::new),
            parent: execution.parent.as_ref().map(|parent| parent.execution.as_str()),
            retry_of: execution.retry.as_ref().map(|retry| retry.of.as_str()),
            approvals: execution.approvals.iter().map(ApprovalReply::new).collect(),
            denial: None,
            start_by_ms: None,
            lease_until_ms: None,
            holder: None,
            result: None,
            error: None,
        };
        match &execution.status {
            Status::Denied(denied) => reply.denial = Some(DenialReply::new(denied)),
            Status::Allowed { start_by_ms, .. } => reply.start_by_ms = Some(*start_by_ms),
            Status::Running { holder, lease_until_ms, .. } => {
                (reply.holder, reply.lease_until_ms) = (Some(holder), Some(*lease_until_ms));
            }
            Status::Unknown { holder, error, .. } => {
                (reply.holder, reply.error) = (Some(holder), error.as_deref());
            }
            Status::Suspended { awaits: Awaited::Time { error, .. } } => reply.error = Some(error),
            Status::Succeeded { result } => reply.result = Some(raw(result)),
            Status::Failed { error } => reply.error = Some(error),
            Status::Cancelled { reason, .. } => reply.error = reason.as_deref(),
            Status::Received
            | Status::AwaitingApproval
            | Status::Suspended { .. }
            | Status::Rejected
            | Status::Expired => {}
        }
        reply
    }
}

impl<'a> ExecutionsReply<'a> {
    /// A page.
    pub fn new(page: &'a Page<Execution>) -> Self {
        let last = page.items.last().filter(|_| page.has_more);
        let items = page.items.iter().map(ExecutionReply::new);
        Self { items: items.collect(), next: last.map(|last| last.id.as_str()) }
    }
}

impl<'a> ClaimReply<'a> {
    /// A claim that was granted.
    pub fn new(execution: &'a Execution, permit: &'a str) -> Self {
        Self { execution: ExecutionReply::new(execution), permit }
    }
}

impl<'a> EntityReply<'a> {
    fn new(entity: &'a Entity) -> Self {
        Self { kind: &entity.kind, id: &entity.id, properties: raw(&entity.properties) }
    }
}

impl<'a> ToolReply<'a> {
    fn new(tool: &'a BoundTool) -> Self {
        Self { name: tool.name.as_str(), digest: tool.digest }
    }
}

impl<'a> DenialReply<'a> {
    fn new(denied: &'a Denied) -> Self {
        let reasons = denied
            .reasons
            .iter()
            .map(|reason| ReasonReply { binding: reason.binding.as_str(), reason: &reason.reason });
        Self { code: &denied.code, reasons: reasons.collect() }
    }
}

impl<'a> ApprovalReply<'a> {
    /// An approval as it stands.
    pub fn new(approval: &'a Approval) -> Self {
        let (stage, expires_at_ms) = match approval.state {
            ApprovalState::Pending { stage, expires_at_ms } => (Some(stage), Some(expires_at_ms)),
            ApprovalState::Approved
            | ApprovalState::Rejected
            | ApprovalState::Expired
            | ApprovalState::Cancelled => (None, None),
        };
        Self {
            id: &approval.id,
            state: approval.state.name(),
            stage,
            expires_at_ms,
            opened_at_ms: approval.opened_at_ms,
            requirement: RequirementReply::new(&approval.binding, &approval.requirement),
            votes: approval.votes.iter().map(VoteReply::new).collect(),
        }
    }
}

impl<'a> VoteReply<'a> {
    fn new(vote: &'a Vote) -> Self {
        Self {
            approver: format!("user:{}", vote.approver),
            decision: vote.choice,
            reason: vote.reason.as_deref(),
            stage: vote.stage,
            at_ms: vote.at_ms,
        }
    }
}

impl<'a> EventsReply<'a> {
    /// A page of at most `limit`.
    pub fn new(events: &'a [ChainedEvent], limit: u32) -> Self {
        let is_full = events.len() >= limit as usize;
        let next = events.last().filter(|_| is_full).map(|last| last.sequence);
        Self { items: events.iter().map(EventReply::new).collect(), next }
    }
}

impl<'a> EventReply<'a> {
    /// An event.
    pub fn new(event: &'a ChainedEvent) -> Self {
        Self {
            sequence: event.sequence,
            at_ms: event.at_ms,
            execution: Some(event.execution.as_str()).filter(|id| !id.is_empty()),
            fact: &event.fact,
            hash: event.hash,
        }
    }
}
