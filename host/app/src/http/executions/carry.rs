//! Carrying an action out: claim, report, call off, resolve.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use writ_core::approval::REASON_CHARS_MAX;
use writ_core::execution::{Report, Status, action_digest};
use writ_core::tool::ERROR_CHARS_MAX;
use writ_core::{Digest, Execution, Json, Request};

use super::reply::{ClaimReply, ExecutionReply};
use super::{CANCEL, CLAIM, REPORT, RESOLVE, answer};
use crate::auth::Caller;
use crate::http::App;
use crate::http::authzen::{meta, set_for};
use crate::http::body::{MaybeSent, Sent};
use crate::http::json::{self, Anything, FieldError, present};
use crate::http::page::Id;
use crate::http::problem::{Problem, ProblemCode};
use crate::http::reply::json as reply;
use crate::http::wire::ActionBody;
use crate::points;
use crate::service::executions::Claim;

/// How long a claim lasts where the caller does not say, in seconds.
pub(in crate::http) const LEASE_SECONDS: u32 = 300;
/// How long a claim may last, in seconds: a day.
const LEASE_SECONDS_MAX: u32 = 86_400;

/// What the caller is about to carry out, by digest or in full, and how long it may take.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ClaimRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct ClaimBody {
    /// The execution's `digest`, as the caller has seen it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// The action, as the caller is about to carry it out.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    action: Option<ActionBody>,
    /// When the caller will have reported, in seconds from now: 300 by default, at most a day.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    lease_seconds: Option<u32>,
}

/// How an action ended.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ReportRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct ReportBody {
    /// The permit that the claim gave; not for `resolve`.
    #[serde(default)]
    permit: Option<String>,
    /// How it ended.
    outcome: OutcomeBody,
    /// What it gave, where it succeeded.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    result: Option<Anything>,
    /// Why it failed; cut after 2,000 characters.
    #[serde(default)]
    error: Option<String>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", try_from = "String")]
pub enum OutcomeBody {
    /// It was carried out.
    Succeeded,
    /// It was not carried out, or in vain.
    Failed,
}

/// Why an execution is called off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = CancelRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct CancelBody {
    #[serde(default)]
    reason: Option<String>,
}

impl TryFrom<String> for OutcomeBody {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        match name.as_str() {
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            _ => Err("must be `succeeded` or `failed`"),
        }
    }
}

/// Claims an execution that is allowed: from now on the caller carries it out, once.
#[utoipa::path(
    post, path = CLAIM, tag = "executions", operation_id = "claimExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id.")),
    request_body = ClaimBody,
    responses(
        (status = 200, body = ClaimReply<'static>, description = "The caller carries it out, and reports with `permit`."),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn claim(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Sent { headers, body: wanted, .. }: Sent<ClaimBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let lease_ms = wanted.lease_ms()?;
    let seen = app.executions.one(by, &id).await?;
    let claim = Claim { action: wanted.digest(&seen)?, lease_ms };
    let (active, meta) = (set_for(&app, &seen.request, &headers), meta(&caller, &headers));
    match app.executions.claim(&active, by, &id, claim, &meta).await? {
        (execution, Some(permit)) => {
            points::pass("http.claim.answer");
            let body = ClaimReply::new(&execution, permit.expose());
            Ok(reply(StatusCode::OK, &body))
        }
        (execution, None) => Err(otherwise(&execution)),
    }
}

/// Tells how a claimed execution ended.
#[utoipa::path(
    post, path = REPORT, tag = "executions", operation_id = "reportExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id.")),
    request_body = ReportBody,
    responses(
        (status = 200, body = ExecutionReply<'static>, description = "It is kept.", headers(("ETag" = String))),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Sent { body: mut told, .. }: Sent<ReportBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let permit = told.permit.take().ok_or_else(|| invalid("/permit", "is required"))?;
    let execution = app.executions.report(by, &id, &permit, told.into_report()?).await?;
    points::pass("http.report.answer");
    Ok(answer(StatusCode::OK, &execution))
}

/// Says what became of an execution of which nobody knew.
#[utoipa::path(
    post, path = RESOLVE, tag = "executions", operation_id = "resolveExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id.")),
    request_body = ReportBody,
    responses(
        (status = 200, body = ExecutionReply<'static>, description = "It is kept.", headers(("ETag" = String))),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn resolve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Sent { body: told, .. }: Sent<ReportBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    if told.permit.is_some() {
        return Err(invalid("/permit", "is for `report`"));
    }
    let report = told.into_report()?;
    let execution = app.executions.resolve(by, &id, report).await?;
    points::pass("http.resolve.answer");
    Ok(answer(StatusCode::OK, &execution))
}

/// Calls an execution off before it begins.
#[utoipa::path(
    post, path = CANCEL, tag = "executions", operation_id = "cancelExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id.")),
    request_body = Option<CancelBody>,
    responses(
        (status = 200, body = ExecutionReply<'static>, description = "It will not begin.", headers(("ETag" = String))),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { body: CancelBody { reason }, .. }: MaybeSent<CancelBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    json::short("/reason", reason.as_deref(), REASON_CHARS_MAX).map_err(Problem::field)?;
    let execution = app.executions.cancel(by, &id, reason).await?;
    points::pass("http.cancel.answer");
    Ok(answer(StatusCode::OK, &execution))
}

impl ClaimBody {
    fn lease_ms(&self) -> Result<u64, Problem> {
        match self.lease_seconds.unwrap_or(LEASE_SECONDS) {
            seconds @ 1..=LEASE_SECONDS_MAX => Ok(u64::from(seconds) * 1_000),
            _ => Err(invalid("/lease_seconds", &format!("must be 1 to {LEASE_SECONDS_MAX}"))),
        }
    }

    /// The digest of what the caller is about to carry out.
    fn digest(self, seen: &Execution) -> Result<Digest, Problem> {
        match (self.digest, self.action) {
            (Some(digest), None) => Ok(digest),
            (None, Some(action)) => {
                let action = action.into_action();
                let request = Request { action, ..seen.request.clone() };
                Ok(action_digest(&seen.tenant, &request))
            }
            (None, None) | (Some(_), Some(_)) => {
                Err(invalid("/digest", "either `digest` or `action` is required"))
            }
        }
    }
}

impl ReportBody {
    fn into_report(self) -> Result<Report, Problem> {
        match (self.outcome, self.result, self.error) {
            (OutcomeBody::Succeeded, result, None) => {
                let nothing = || Json::from_value(&serde_json::Value::Null).expect("null is JSON");
                Ok(Report::Succeeded(result.map_or_else(nothing, |Anything(result)| result)))
            }
            (OutcomeBody::Failed, None, Some(error)) => {
                // As a tool's: whoever cannot tell all should not be unable to tell that it failed.
                Ok(Report::Failed(error.chars().take(ERROR_CHARS_MAX).collect()))
            }
            (OutcomeBody::Failed, None, None) => Err(invalid("/error", "is required")),
            (OutcomeBody::Succeeded, _, Some(_)) => {
                Err(invalid("/error", "is for what failed alone"))
            }
            (OutcomeBody::Failed, Some(_), _) => {
                Err(invalid("/result", "is for what succeeded alone"))
            }
        }
    }
}

fn invalid(pointer: &str, message: &str) -> Problem {
    Problem::field(FieldError { pointer: pointer.to_owned(), message: message.to_owned() })
}

/// Policies were asked again, and say something else than before.
fn otherwise(execution: &Execution) -> Problem {
    let problem = Problem::new(ProblemCode::DecidedOtherwise);
    match &execution.status {
        Status::Denied(denied) => problem.with_detail(format!("it is denied: {}", denied.code)),
        other => problem
            .with_detail(format!("it is {}", other.name()))
            .with_hint("other people must agree than those who have; read the execution again"),
    }
}
