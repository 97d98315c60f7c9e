//! What callers are answered: an AuthZEN decision, and in its `context` who decided and why.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use writ_core::requirement::{Disposition, Requirement};
use writ_core::{Action, BindingName, Digest, FaultCode, Json, Mode, Outcome, PolicyRecord, Stage};

use super::problem::{Problem, ProblemBody};
use super::reevaluation::{Granted, Unapproved};
use crate::access_request::Denial;
use crate::clock::rfc3339;
use crate::service::Answer;

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionReply<'a> {
    /// Whether the action may go on.
    decision: bool,
    /// Who decided, and why.
    context: ContextReply<'a>,
}

/// Decisions, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Decisions)]
pub struct DecisionsReply<'a> {
    /// The decisions; fewer than questions where the semantic stops early.
    evaluations: Vec<DecisionReply<'a>>,
}

/// Who decided, and why; or why nobody could.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecisionContext)]
#[serde(untagged)]
enum ContextReply<'a> {
    Decided(DecidedReply<'a>),
    Approved(ApprovedReply<'a>),
    Failed(FailedReply<'a>),
}

/// The error of one question among several.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailedContext)]
struct FailedReply<'a> {
    error: ProblemBody<'a>,
}

/// Who decided, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecidedContext)]
struct DecidedReply<'a> {
    /// The decision's id: a UUID version 7. It is stored under this id.
    #[schema(format = "uuid")]
    decision_id: &'a str,
    /// Digest of the policy set that decided.
    #[schema(value_type = String, example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    policy_set: Digest,
    /// `allowed`, `amended`, `approval-required`, `denied-by-policy`, `denied-by-fault`,
    /// `all-abstained` or `no-policy-matched`.
    code: &'static str,
    /// Why the action may not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What each policy said, in the order in which they were asked.
    policies: Vec<PolicyReply<'a>>,
    /// What people must agree to before the action may go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<RequirementReply<'a>>,
    /// The action that may go on in place of the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionReply<'a>>,
    /// The decision's id once more, where the denial may be put to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_id: Option<&'a str>,
    /// How the denial is put to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_request: Option<RequestableReply>,
    /// What the caller does next, where its approval did not help: `request`, `retry` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<&'static str>,
    /// After how many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

/// How a denial is put to people, at the discovery document's `access_request_endpoint`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestableDenial)]
struct RequestableReply {
    /// Until when.
    #[schema(format = "date-time")]
    expires_at: String,
    /// To be sent back unchanged.
    binding_token: String,
}

/// That people agreed, and the caller is the one who acts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApprovedContext)]
struct ApprovedReply<'a> {
    /// `approved`.
    code: &'static str,
    approval: UsedReply<'a>,
    /// The action that may go on in place of the one that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionReply<'a>>,
    /// With which the caller tells, at `/v1/executions/{id}/report`, how it ended.
    permit: &'a str,
}

/// The approval that has been used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsedApproval)]
struct UsedReply<'a> {
    id: &'a str,
    /// By when the action has been carried out.
    #[schema(format = "date-time")]
    approved_until: String,
}

/// What one policy said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyVerdict)]
struct PolicyReply<'a> {
    /// The binding's name.
    #[schema(value_type = String)]
    binding: &'a BindingName,
    /// Whether the verdict counts: `enforce` or `shadow`.
    #[schema(value_type = String)]
    mode: Mode,
    /// `abstain`, `allow`, `amend`, `deny`, `require-approval`, or `fault` where there is none.
    verdict: &'a str,
    /// The reason of a denial, or what the fault is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The fault's stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "out-of-fuel")]
    fault: Option<FaultCode>,
    /// What the policy said beside its verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    annotations: Option<&'a serde_json::Value>,
    /// Fuel burnt.
    fuel: u64,
    /// How often it asked the host.
    host_calls: u64,
    /// Time taken, in microseconds.
    duration_us: u64,
    /// Whether the verdict was remembered from an equal request.
    memoised: bool,
}

/// What people must agree to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Requirement)]
pub struct RequirementReply<'a> {
    /// The binding whose policy asks for it.
    #[schema(value_type = String)]
    binding: &'a BindingName,
    title: &'a str,
    reason: &'a str,
    /// Asked one after the other; every stage must agree.
    stages: Vec<StageReply<'a>>,
    /// Whether the subject, who sent the request and who had it retried may be among its approvers.
    allow_self_approval: bool,
    /// Whether a vote must carry a reason.
    reason_required: bool,
}

/// People who are asked together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stage)]
struct StageReply<'a> {
    /// `user:ID` or `group:ID`.
    approvers: &'a [String],
    /// How many distinct people must say yes.
    quorum: u32,
    /// How long the stage stays open, in seconds.
    expires_after_seconds: u32,
    /// What happens then: `deny`, `escalate` or `approve`.
    #[schema(value_type = String)]
    on_expiry: Disposition,
}

/// The action that may go on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AmendedAction)]
pub struct ActionReply<'a> {
    name: &'a str,
    #[schema(value_type = Object)]
    properties: &'a RawValue,
}

impl<'a> DecisionReply<'a> {
    /// A decision that was made.
    pub fn decided(answer: &'a Answer) -> Self {
        let requirements = match &answer.outcome {
            Outcome::ApprovalRequired(requirements) => requirements.as_slice(),
            Outcome::Allowed | Outcome::Amended | Outcome::Denied(_) => &[],
        };
        let context = DecidedReply {
            decision_id: &answer.id,
            policy_set: answer.policy_set,
            code: answer.outcome.code(),
            reason: answer.reason(),
            policies: answer.policies.iter().map(PolicyReply::new).collect(),
            requirements: requirements
                .iter()
                .map(|(binding, requirement)| RequirementReply::new(binding, requirement))
                .collect(),
            action: answer.amended.as_ref().map(ActionReply::new),
            evaluation_id: None,
            access_request: None,
            next_action: None,
            retry_after: None,
        };
        Self { decision: answer.permits(), context: ContextReply::Decided(context) }
    }

    /// A denial that may be put to people.
    pub(super) fn requestable(mut self, answer: &'a Answer, denial: Denial) -> Self {
        if let ContextReply::Decided(context) = &mut self.context {
            let Denial { token: binding_token, expires_at } = denial;
            context.evaluation_id = Some(&answer.id);
            context.access_request = Some(RequestableReply { expires_at, binding_token });
        }
        self
    }

    /// A denial in spite of an approval; what is no denial stays as it is.
    pub(super) fn in_spite(mut self, because: Unapproved) -> Self {
        if let (false, ContextReply::Decided(context)) = (self.decision, &mut self.context) {
            let (next, after) = because.next(context.access_request.is_some());
            context.reason = Some(because.reason().to_owned());
            (context.next_action, context.retry_after) = (Some(next), after);
        }
        self
    }

    /// What people agreed to, and the caller carries out.
    pub(super) fn approved(granted: &'a Granted) -> Self {
        let Granted { execution, permit } = granted;
        // It runs: what time changes next is the end of its lease.
        let until_ms = execution.due_at_ms().unwrap_or(execution.created_at_ms);
        let context = ApprovedReply {
            code: "approved",
            approval: UsedReply { id: &execution.id, approved_until: rfc3339(until_ms) },
            action: execution.amended.as_ref().map(ActionReply::new),
            permit: permit.expose(),
        };
        Self { decision: true, context: ContextReply::Approved(context) }
    }

    /// One question among several that could not be decided, and so is denied.
    pub fn failed(problem: &'a Problem) -> Self {
        let error = problem.body();
        Self { decision: false, context: ContextReply::Failed(FailedReply { error }) }
    }
}

impl<'a> DecisionsReply<'a> {
    /// Decisions, in the order of the questions.
    pub fn new(evaluations: Vec<DecisionReply<'a>>) -> Self {
        Self { evaluations }
    }
}

impl<'a> PolicyReply<'a> {
    fn new(record: &'a PolicyRecord) -> Self {
        Self {
            binding: &record.binding,
            mode: record.mode,
            verdict: &record.verdict,
            reason: record.reason.as_deref(),
            fault: record.fault,
            annotations: record.annotations.as_ref(),
            fuel: record.fuel,
            host_calls: record.host_calls,
            duration_us: record.duration_us,
            memoised: record.memoised,
        }
    }
}

impl<'a> RequirementReply<'a> {
    /// What people must agree to, as a binding's policy asks for it.
    pub fn new(binding: &'a BindingName, requirement: &'a Requirement) -> Self {
        Self {
            binding,
            title: &requirement.title,
            reason: &requirement.reason,
            stages: requirement.stages.iter().map(StageReply::new).collect(),
            allow_self_approval: requirement.allow_self_approval,
            reason_required: requirement.reason_required,
        }
    }
}

impl<'a> StageReply<'a> {
    fn new(stage: &'a Stage) -> Self {
        Self {
            approvers: &stage.approvers,
            quorum: stage.quorum,
            expires_after_seconds: stage.expires_after_seconds,
            on_expiry: stage.on_expiry,
        }
    }
}

impl<'a> ActionReply<'a> {
    /// An action.
    pub fn new(action: &'a Action) -> Self {
        Self { name: &action.name, properties: raw(&action.properties) }
    }
}

/// The text as it is, without building its value.
pub(super) fn raw(json: &Json) -> &RawValue {
    serde_json::from_str(json.as_str()).expect("canonical text is JSON")
}

/// Answers 200 with a JSON body.
pub fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// Answers with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut bytes, body).expect("replies are always JSON");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, JSON)], bytes).into_response()
}
