//! The policy set that decides, over HTTP: what it is, and reading its files again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::Digest;

use super::App;
use super::body::MaybeSent;
use super::json::Text;
use super::problem::{Problem, ProblemCode};
use super::rollouts::RolloutReply;
use crate::auth::Caller;
use crate::clock::rfc3339;
use crate::reload::{Failed, Outcome, Phase, Refusal, Status, Trigger, Wish};
use crate::service::shadow::Shadow;

/// Where it is told which set decides.
pub const STATUS: &str = "/v1/policies/status";
/// Where files are read again.
pub const RELOAD: &str = "/v1/policies/reload";

/// The policy set by which this host decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyStatus)]
pub struct StatusReply {
    /// Digest of the set.
    #[schema(value_type = String, example = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    policy_set: Digest,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Since when it decides here.
    #[schema(format = "date-time")]
    since: String,
    /// What led to it: `start`, `file`, `signal`, `request`, or `follow` where another host
    /// made it decide.
    trigger: &'static str,
    /// Who asked for its version, on whichever host.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    /// How many policies it binds.
    bindings: usize,
    /// Those of its bindings that are asked on the side, since their verdict does not count (`mode` is
    /// `shadow`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow_bindings: Vec<String>,
    /// How many cases it was tested with.
    cases: usize,
    /// Why the last reload failed; absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReply>,
    /// Sections of the configuration that have changed and are not read again: they need a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_restart: Vec<String>,
    /// The version that is rolled out beside it, or the last that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<RolloutReply>,
}

/// A reload that failed: the set before it decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyFailure)]
struct FailureReply {
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// What had led to it.
    trigger: &'static str,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What it did not get through: `configuration`, `loading`, `cases`, `recording`, `choosing` or
    /// `applying`.
    phase: &'static str,
    /// Why.
    reason: String,
}

/// What is said of a change of the policy set.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PolicyChange)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct ChangeBody {
    /// Why it is made: kept with the version, and told in the chain of events. At most 1,024 bytes.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    comment: Option<Text>,
}

/// What came of reading files again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyReload)]
pub struct ReloadReply {
    /// `activated`, or `unchanged` where the files say what they said.
    outcome: &'static str,
    /// `false` where a comment was given and the set is as it was: nothing is there to keep it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_kept: Option<bool>,
    /// The set that decides now.
    #[serde(flatten)]
    status: StatusReply,
}

/// Tells by which policy set this host decides, and why the last reload failed, if it did.
#[utoipa::path(
    get, path = STATUS, tag = "policies", operation_id = "policyStatus", security(("bearer" = [])),
    responses(
        (status = 200, body = StatusReply, description = "The set that decides on this host."),
        super::openapi::CallerErrors,
    ),
)]
pub async fn status(State(app): State<Arc<App>>) -> Json<StatusReply> {
    Json(StatusReply::new(&app))
}

/// Reads the policy set's files again, tests what they say, and decides by it. What fails changes
/// nothing.
#[utoipa::path(
    post, path = RELOAD, tag = "policies", operation_id = "reloadPolicies", security(("bearer" = [])),
    request_body = Option<ChangeBody>,
    responses(
        (status = 200, body = ReloadReply, description = "The set decides."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn reload(
    State(app): State<Arc<App>>,
    caller: Caller,
    MaybeSent { body, .. }: MaybeSent<ChangeBody>,
) -> Result<Json<ReloadReply>, Problem> {
    changed(&app, &caller, Wish::Files, body).await
}

/// Has another set decide, and tells which does.
pub(super) async fn changed(
    app: &App,
    caller: &Caller,
    wish: Wish,
    body: ChangeBody,
) -> Result<Json<ReloadReply>, Problem> {
    let trigger = body.trigger(caller);
    let has_comment = !trigger.occasion().comment.is_empty();
    match app.reload.ask(wish, trigger).await {
        Some(outcome @ (Outcome::Activated(_) | Outcome::Unchanged(_))) => {
            let is_lost = has_comment && matches!(outcome, Outcome::Unchanged(_));
            let (outcome, comment_kept) = (outcome.name(), is_lost.then_some(false));
            Ok(Json(ReloadReply { outcome, comment_kept, status: StatusReply::new(app) }))
        }
        Some(Outcome::Refused(refusal)) => Err(refused(refusal)),
        // The host stops.
        None => Err(Problem::new(ProblemCode::Internal)),
    }
}

/// What a caller is told of a refusal.
pub(super) fn refused(refusal: Refusal) -> Problem {
    let code = match refusal.phase {
        Phase::Choosing => ProblemCode::NotFound,
        Phase::Applying => ProblemCode::PolicySetNotNow,
        Phase::Recording => ProblemCode::StorageUnavailable,
        Phase::Configuration | Phase::Loading | Phase::Cases => ProblemCode::PolicySetRefused,
    };
    let detail = Some(refusal.reason().to_owned());
    Problem { detail, hint: refusal.hint, ..Problem::new(code) }
}

impl ChangeBody {
    /// As what leads to the change.
    pub(super) fn trigger(self, caller: &Caller) -> Trigger {
        trigger(caller, self.comment)
    }
}

/// A caller's wish, as what leads to a change.
pub(super) fn trigger(caller: &Caller, comment: Option<Text>) -> Trigger {
    let comment = comment.map(|Text(comment)| comment).unwrap_or_default();
    Trigger::Request { by: caller.principal().person.clone(), comment }
}

impl StatusReply {
    fn new(app: &App) -> Self {
        let status = app.reload.status();
        let Status { policy_set, version, since_ms, trigger, occasion, .. } = status;
        let Status { bindings, cases, failure, restart, .. } = status;
        let active = app.service.active();
        let shadows = active.shadow().into_iter().flat_map(Shadow::bindings);
        Self {
            policy_set,
            version,
            since: rfc3339(since_ms),
            trigger: trigger.name(),
            by: occasion.by.map(|by| by.to_string()),
            comment: occasion.comment,
            bindings,
            shadow_bindings: shadows.map(ToString::to_string).collect(),
            cases,
            failure: failure.map(FailureReply::new),
            needs_restart: restart,
            rollout: app.reload.rollout().map(|rollout| RolloutReply::new(rollout, app)),
        }
    }
}

impl FailureReply {
    fn new(failed: Failed) -> Self {
        let Failed { at_ms, trigger, phase, reason } = failed;
        let (at, by) = (rfc3339(at_ms), trigger.by().map(ToString::to_string));
        Self { at, trigger: trigger.name(), by, phase: phase.name(), reason }
    }
}
