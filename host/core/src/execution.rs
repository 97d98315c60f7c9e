//! An action on its way from the question to its effect: a state machine without I/O.
//!
//! ```text
//! received ─┬─> denied
//!           ├─> awaiting-approval ─┬─> rejected
//!           │      ^               ├─> expired
//!           │      │ asked again   ├─> cancelled
//!           │      │               v
//!           └─> allowed ───────────┴─> expired, cancelled, denied (decided again)
//!                  │ claimed, with a fencing token
//!                  v
//!               running ─┬─> succeeded, failed   its holder reported in time
//!                        ├─> unknown             its lease ran out, or it was given up
//!                        │     ├─> succeeded, failed   reported late, or said by an operator
//!                        │     └─> suspended     an operator has its endpoint called again
//!                        └─> suspended           its tool waits for people, or its endpoint to be well
//!                              ├─> running       what it waits for is there, and a host goes on
//!                              ├─> denied        (decided again)
//!                              └─> cancelled
//! ```
//!
//! What a tool of the host carries out ([`Execution::tool`]) does not become unknown when a lease
//! runs out, if it can be begun again ([`crate::ToolKind::is_repeatable`]): another run, with the
//! next fencing token, goes on. Before it goes on, policies decide again.
//!
//! [`Execution::apply`] is total: in every state, every event gives either a [`Transition`] or a
//! [`Refused`], and a refused event changes nothing. What is approved and what is carried out are
//! one action, because both are named by its digest.

mod apply;
mod errand;
mod event;
mod fact;
mod status;

use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::binding::{BindingName, Tenant};
use crate::canonical;
use crate::digest::Digest;
use crate::person::Person;
use crate::request::{Action, Request};
use crate::tool::BoundTool;
pub use errand::Errand;
pub use event::{Asking, Event, Permission, Refused, Report, Ruling};
pub use fact::Fact;
pub use status::{Awaited, Denied, Reason, Status};

/// How many approvals an execution may have, those that it was asked for again included.
pub const APPROVALS_MAX: usize = 32;
/// How often in a row a tool may be begun for one execution: a run that takes its host down with it is
/// not begun for ever.
pub const BEGINS_MAX: u64 = 100;

/// One action, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// A UUID version 7 (RFC 9562).
    pub id: String,
    /// Whose.
    pub tenant: Tenant,
    /// Who sent it.
    pub requester: Person,
    /// When it was received, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// What was asked for.
    pub request: Request,
    /// What is to be done, where policies amended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amended: Option<Action>,
    /// The tool of this host that carries it out; none where whoever claims it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<BoundTool>,
    /// The execution whose tool called for it; none where a requester did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The execution that this one is to do once more; none where it is the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Names the action: see [`action_digest`] and [`tool_digest`].
    pub digest: Digest,
    /// The digest of the policy set that decided last; none where nobody has, or where it was kept
    /// before that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Digest>,
    /// How long it may wait to be claimed once it is allowed, in milliseconds.
    pub start_within_ms: u64,
    /// Where it stands.
    pub status: Status,
    /// What people were asked, in the order of asking.
    pub approvals: Vec<Approval>,
    /// Whether what policies store of it was kept when they allowed it at once, though people had to agree
    /// since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// How often it was claimed; the last claim's fencing token.
    pub fence: u64,
    /// How often in a row its tool was begun again because a run was not heard of any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retaken: u64,
    /// Grows by one with every transition.
    pub version: u64,
}

/// The execution whose tool called for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its id.
    pub execution: String,
    /// How many calls led to it.
    pub depth: u32,
    /// Who wants it done once more, where it is a retry, or was called for by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_by: Option<Person>,
}

/// An endpoint that is not called any more for an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp<'a> {
    /// The endpoint's name.
    pub tool: &'a BindingName,
    /// How often it was called.
    pub calls: u64,
    /// Why the last call failed.
    pub error: &'a str,
}

/// What an execution is to do once more, and who wants that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The id of the execution that ended before.
    pub of: String,
    /// Who wants it done again.
    pub by: Person,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What an event makes of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The execution afterwards.
    pub next: Execution,
    /// What is to be told and kept as evidence, in order; never empty.
    pub facts: Vec<Fact>,
}

impl Transition {
    /// This transition and the next event's, as one.
    ///
    /// # Errors
    /// Why the event changes nothing.
    pub fn and(mut self, event: Event) -> Result<Self, Refused> {
        let Self { next, facts } = self.next.apply(event)?;
        self.facts.extend(facts);
        Ok(Self { next, facts: self.facts })
    }
}

/// Names an action: the digest of parts, each preceded by its length ([`Digest::of_parts`]): a name of
/// this form, the tenant, the subject's type and id, the action's name and properties, the resource's type,
/// id and properties; properties as canonical JSON. What the caller says besides (`context`, and of the
/// subject) is not part of what is carried out.
pub fn action_digest(tenant: &Tenant, request: &Request) -> Digest {
    let subject = [request.subject.kind.as_str(), &request.subject.id];
    let resource = [request.resource.kind.as_str(), &request.resource.id];
    let parts = [
        "writ action 1",
        tenant.as_str(),
        subject[0],
        subject[1],
        &request.action.name,
        request.action.properties.as_str(),
        resource[0],
        resource[1],
        request.resource.properties.as_str(),
    ];
    Digest::of_parts(parts.iter().map(|part| part.as_bytes()))
}

/// Names an action that a tool carries out: the digest of the action's and the tool's.
pub fn tool_digest(action: Digest, tool: &BoundTool) -> Digest {
    let (name, tool) = (tool.name.as_str(), tool.digest);
    Digest::of_parts([
        b"writ tool 1",
        action.as_bytes().as_slice(),
        name.as_bytes(),
        tool.as_bytes(),
    ])
}

impl Execution {
    /// An execution that nobody has decided yet.
    pub fn received(
        id: String,
        tenant: Tenant,
        requester: Person,
        request: Request,
        start_within_ms: u64,
        now_ms: u64,
    ) -> Self {
        let digest = action_digest(&tenant, &request);
        Self {
            id,
            tenant,
            requester,
            created_at_ms: now_ms,
            request,
            amended: None,
            tool: None,
            parent: None,
            retry: None,
            digest,
            decided_by: None,
            start_within_ms,
            status: Status::Received,
            approvals: Vec::new(),
            counted: false,
            fence: 0,
            retaken: 0,
            version: 0,
        }
    }

    /// The same, to be carried out by a tool of this host.
    #[must_use]
    pub fn by_tool(mut self, tool: BoundTool) -> Self {
        self.tool = Some(tool);
        self.digest = self.digest_of(&self.request);
        self
    }

    /// The same, called for by a tool.
    #[must_use]
    pub fn called_by(self, parent: Parent) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// The same, as a retry of another.
    #[must_use]
    pub fn retrying(self, retry: Retry) -> Self {
        Self { retry: Some(retry), ..self }
    }

    /// Whether it may be done once more, by an execution of its own: it has ended, and nothing came
    /// of it. One that is unknown has to be resolved first, and what a tool called for ends with
    /// whatever the tool makes of it.
    pub fn may_be_retried(&self) -> bool {
        let came_to_nothing = matches!(self.status, Status::Failed { .. } | Status::Expired);
        came_to_nothing && self.parent.is_none()
    }

    /// How many calls of tools led to it.
    pub fn depth(&self) -> u32 {
        self.parent.as_ref().map_or(0, |parent| parent.depth.saturating_add(1))
    }

    /// Whether nothing comes of it any more, as far as anybody knows.
    pub fn has_come_to_an_end(&self) -> bool {
        self.status.is_final() || matches!(self.status, Status::Unknown { .. })
    }

    /// The digest that it has where it is to do what a request asks for.
    pub fn digest_of(&self, request: &Request) -> Digest {
        let action = action_digest(&self.tenant, request);
        self.tool.as_ref().map_or(action, |tool| tool_digest(action, tool))
    }

    /// Who wants it done once more, or what called for it.
    pub fn retried_by(&self) -> Option<&Person> {
        let called = || self.parent.as_ref()?.retried_by.as_ref();
        self.retry.as_ref().map(|retry| &retry.by).or_else(called)
    }

    /// Those who may not decide about it unless its policy allows that: its subject, who sent it, and
    /// who wants it done once more.
    pub fn themselves(&self) -> Vec<Person> {
        let mut themselves =
            vec![Person::meant_by(&self.request.subject.id), self.requester.clone()];
        themselves.extend(self.retried_by().cloned());
        themselves
    }

    /// What is to be done, as policies amended it.
    pub fn action(&self) -> &Action {
        self.amended.as_ref().unwrap_or(&self.request.action)
    }

    /// The approval of an id.
    pub fn approval(&self, id: &str) -> Option<&Approval> {
        self.approvals.iter().find(|approval| approval.id == id)
    }

    /// The canonical JSON text (RFC 8785) of all of it, as it is kept. The text's digest is what an
    /// event tells of the state that it led to.
    pub fn canonical(&self) -> String {
        canonical::text(self)
    }

    /// When time next changes it, in milliseconds since the Unix epoch; none where it never does.
    pub fn due_at_ms(&self) -> Option<u64> {
        match &self.status {
            Status::AwaitingApproval => {
                self.approvals.iter().filter_map(Approval::expires_at_ms).min()
            }
            Status::Allowed { start_by_ms, .. } => Some(*start_by_ms),
            Status::Running { .. } | Status::Suspended { .. } if self.is_repeatable() => {
                let given_up = self.given_up_at_ms();
                self.approvals.iter().filter_map(Approval::expires_at_ms).chain(given_up).min()
            }
            Status::Running { lease_until_ms, .. } => Some(*lease_until_ms),
            Status::Suspended { .. }
            | Status::Received
            | Status::Denied(_)
            | Status::Rejected
            | Status::Expired
            | Status::Cancelled { .. }
            | Status::Succeeded { .. }
            | Status::Failed { .. }
            | Status::Unknown { .. } => None,
        }
    }

    /// From when on a host may run its tool, in milliseconds since the Unix epoch; none where there
    /// is nothing to run.
    pub fn work_at_ms(&self) -> Option<u64> {
        self.tool.as_ref()?;
        match &self.status {
            Status::Allowed { .. } => Some(0),
            Status::Suspended { awaits } if self.has_ended(awaits) => Some(0),
            Status::Suspended { awaits: Awaited::Time { at_ms, .. } } => Some(*at_ms),
            Status::Running { lease_until_ms, .. }
                if self.is_repeatable() && self.may_be_retaken() =>
            {
                Some(*lease_until_ms)
            }
            _ => None,
        }
    }

    /// That its endpoint is not called any more, though nobody knows whether the action was carried
    /// out, where that is so. An operator may have it called again.
    pub fn given_up(&self) -> Option<GivenUp<'_>> {
        let tool = self.tool.as_ref().filter(|tool| !tool.kind.is_component())?;
        let Status::Unknown { error, .. } = &self.status else { return None };
        let error = error.as_deref().unwrap_or("whoever called it has not been heard of again");
        Some(GivenUp { tool: &tool.name, calls: self.fence, error })
    }

    /// Whether something comes of it without its requester: people are waited for, or the host
    /// carries it out.
    pub fn is_under_way(&self) -> bool {
        match self.status {
            Status::Received | Status::AwaitingApproval => true,
            Status::Allowed { .. } | Status::Running { .. } | Status::Suspended { .. } => {
                self.tool.is_some()
            }
            _ => false,
        }
    }

    /// Whether what a tool waits for is there.
    fn has_ended(&self, awaits: &Awaited) -> bool {
        match awaits {
            Awaited::Approval { id } => {
                self.approval(id).is_none_or(|approval| approval.expires_at_ms().is_none())
            }
            Awaited::Execution { has_ended, .. } => *has_ended,
            // Nobody tells of time: see `work_at_ms`.
            Awaited::Time { .. } => false,
        }
    }

    /// Whether a call of its endpoint may have been carried out of which nobody has heard.
    pub fn may_have_arrived(&self) -> bool {
        let is_called = self.tool.as_ref().is_some_and(|tool| !tool.kind.is_component());
        is_called
            && match &self.status {
                Status::Suspended { awaits: Awaited::Time { may_have_arrived, .. } } => {
                    *may_have_arrived
                }
                // Whoever called it may not be heard of again.
                Status::Running { .. } | Status::Unknown { .. } => true,
                _ => false,
            }
    }

    /// Whether its tool may be begun again where nobody knows how far it came.
    fn is_repeatable(&self) -> bool {
        self.tool.as_ref().is_some_and(|tool| tool.kind.is_repeatable())
    }

    /// Whether it may be begun once more because a run was not heard of.
    fn may_be_retaken(&self) -> bool {
        self.retaken + 1 < BEGINS_MAX
    }

    /// When a tool that was begun as often as it may is given up.
    fn given_up_at_ms(&self) -> Option<u64> {
        match self.status {
            Status::Running { lease_until_ms, .. } if !self.may_be_retaken() => {
                Some(lease_until_ms)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod endpoint_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;
