//! A task as callers read it: an execution in the profile's words.

use serde::Serialize;
use utoipa::ToSchema;
use writ_core::approval::ApprovalState;
use writ_core::execution::Status;
use writ_core::{Approval, Execution};

use crate::clock::rfc3339;

/// A task, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessRequestTask)]
pub struct TaskReply<'a> {
    task: Task<'a>,
    /// What to evaluate again with, once people have agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<TaskResult<'a>>,
}

/// How a task stands.
#[derive(Debug, Serialize, ToSchema)]
struct Task<'a> {
    /// The execution's id.
    id: &'a str,
    #[schema(value_type = String, example = "pending")]
    status: &'static str,
    /// Where to ask for it.
    #[schema(format = "uri")]
    status_endpoint: &'a str,
    /// What people are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<Display<'a>>,
    /// Where it can be called off, while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Links>,
}

/// What people are asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessRequestDisplay)]
struct Display<'a> {
    title: &'a str,
    description: &'a str,
}

/// Where something can be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessRequestLinks)]
struct Links {
    cancel: String,
}

/// What came of a task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessRequestResult)]
struct TaskResult<'a> {
    /// `reevaluate`: ask the same question again, with `approval` in its context.
    mode: &'static str,
    approval: ApprovalGiven<'a>,
}

/// What people have agreed to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessRequestApproval)]
struct ApprovalGiven<'a> {
    id: &'a str,
    #[schema(format = "date-time")]
    approved_at: String,
    /// When it may not be used any more. Once it was used, the time when it was given.
    #[schema(format = "date-time")]
    approved_until: String,
}

/// The profile's states of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// People are asked.
    Pending,
    /// They agreed, whatever was made of it since.
    Approved,
    /// They, or policies, did not.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// Somebody called it off.
    Cancelled,
}

impl TaskStatus {
    /// How an execution stands as a task. What was approved stays so, since the profile lets a task
    /// end once ("State Transitions"): that it was used is told by `approved_until`, which is then
    /// no later than when it was given, and by `approval_used` to whoever uses it again.
    pub fn of(execution: &Execution) -> Self {
        match &execution.status {
            Status::Received | Status::AwaitingApproval => Self::Pending,
            Status::Cancelled { .. } => Self::Cancelled,
            Status::Rejected => Self::Denied,
            Status::Denied(_) | Status::Expired if was_approved(execution) => Self::Approved,
            Status::Denied(_) => Self::Denied,
            // Nobody had to be asked, and nobody came back.
            Status::Expired if execution.approvals.is_empty() => Self::Approved,
            Status::Expired => Self::Expired,
            Status::Allowed { .. }
            | Status::Running { .. }
            | Status::Suspended { .. }
            | Status::Succeeded { .. }
            | Status::Failed { .. }
            | Status::Unknown { .. } => Self::Approved,
        }
    }

    /// The profile's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

fn was_approved(execution: &Execution) -> bool {
    let approved = |approval: &Approval| approval.state == ApprovalState::Approved;
    !execution.approvals.is_empty() && execution.approvals.iter().all(approved)
}

impl<'a> TaskReply<'a> {
    /// A task that is found at a URL.
    pub fn new(execution: &'a Execution, at: &'a str) -> Self {
        let status = TaskStatus::of(execution);
        let is_pending = status == TaskStatus::Pending;
        let task = Task {
            id: &execution.id,
            status: status.as_str(),
            status_endpoint: at,
            display: execution.approvals.first().filter(|_| is_pending).map(Display::new),
            links: is_pending.then(|| Links { cancel: format!("{at}/cancel") }),
        };
        let is_approved = status == TaskStatus::Approved;
        Self { task, result: is_approved.then(|| TaskResult::new(execution)) }
    }
}

impl<'a> Display<'a> {
    fn new(approval: &'a Approval) -> Self {
        let requirement = &approval.requirement;
        Self { title: &requirement.title, description: &requirement.reason }
    }
}

impl<'a> TaskResult<'a> {
    fn new(execution: &'a Execution) -> Self {
        let votes = execution.approvals.iter().flat_map(|approval| &approval.votes);
        let last = votes.map(|vote| vote.at_ms).max();
        let approved_at_ms = last.unwrap_or(execution.created_at_ms);
        let until_ms = match execution.status {
            Status::Allowed { start_by_ms, .. } => start_by_ms,
            _ if execution.fence > 0 => approved_at_ms,
            _ => approved_at_ms.saturating_add(execution.start_within_ms),
        };
        let approval = ApprovalGiven {
            id: &execution.id,
            approved_at: rfc3339(approved_at_ms),
            approved_until: rfc3339(until_ms),
        };
        Self { mode: "reevaluate", approval }
    }
}
