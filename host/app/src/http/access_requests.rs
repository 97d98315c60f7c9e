//! Putting a denial to people: the OpenID AuthZEN Access Request and Approval Profile, draft 1.
//!
//! A task is an execution that came of a denial: it has the same id, the same approvals, and one
//! effect. When people have agreed, the same question, asked again with the approval in its context,
//! claims the execution: see [`super::reevaluation`]. Bundles (`items`) and callbacks are refused.

mod submission;
mod task;

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use writ_core::approval::REASON_CHARS_MAX;
use writ_core::execution::Refused;
use writ_core::{Digest, Execution, Principal};
use writ_store::IdempotencyKey;

use super::authzen::{meta, set_for};
use super::body::{self, Sent};
use super::executions::create::idempotency;
use super::page::Id;
use super::problem::{Problem, ProblemCode};
use super::reply::json as reply;
use super::{App, json};
use crate::access_request::{Binding, Rejected};
use crate::auth::Caller;
use crate::service::executions::{ExecutionError, NewExecution};
use submission::SubmissionBody;
pub use task::{TaskReply, TaskStatus};

/// Where denials are put to people.
pub const PATH: &str = "/access/v1/requests";
/// Where one is followed.
pub const ONE: &str = "/access/v1/requests/{id}";
/// Where one is called off.
pub const CANCEL: &str = "/access/v1/requests/{id}/cancel";
/// When to ask again about a task that is pending, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Why a task is called off.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AccessRequestCancel)]
#[serde(expecting = "an object")]
pub struct CancelBody {
    /// A stable code; at most 2,000 characters.
    #[serde(default)]
    reason: Option<String>,
    /// For people; at most 2,000 characters.
    #[serde(default)]
    comment: Option<String>,
}

/// Puts a denial to people.
#[utoipa::path(
    post, path = PATH, tag = "access requests", operation_id = "submitAccessRequest", security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same task, and so does the same denial, whatever the key; another body is refused.")),
    request_body = SubmissionBody,
    responses(
        (status = 201, body = TaskReply<'static>, description = "Nobody had to be asked: `task.status` tells how it ended.", headers(("Location" = String))),
        (status = 202, body = TaskReply<'static>, description = "People are asked.", headers(("Location" = String), ("Retry-After" = u64))),
        super::openapi::AccessRequestErrors,
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { headers, text, body }: Sent<SubmissionBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let (request, denial, evaluation_id) = body.into_parts()?;
    let (binding, token_id) = app.signers.verify(&by.tenant, &denial).await?;
    if evaluation_id.is_some_and(|id| id != binding.evaluation_id) {
        return Err(Rejected::Unbound("`evaluation_id` is another evaluation's").into());
    }
    if !binding.covers(&request) {
        return Err(Rejected::Unbound("what is submitted is not what was denied").into());
    }
    let request = binding.kept_in(request).map_err(|error| {
        Problem::new(ProblemCode::InvalidRequest).with_detail(error.to_string())
    })?;
    let idempotency = idempotency(by, &headers, &text)?.into_iter();
    let idempotency = idempotency.chain([once(by, &token_id, &text)]).collect();
    let active = set_for(&app, &request, &headers);
    let new = NewExecution { request, tool: None, idempotency };
    let created = app.executions.create(&active, by, new, meta(&caller, &headers)).await;
    Ok(answer(&app, StatusCode::CREATED, &headers, &created.map_err(problem)?))
}

/// One denial is one task, whatever keys it is sent under and whoever sends it: the same body of the
/// same caller gives the task, and anything else is refused.
fn once(by: &Principal, token_id: &str, body: &[u8]) -> IdempotencyKey {
    let requester = "denials of this decision point".parse().expect("it is a name");
    let body = Digest::of_parts([by.person.folded().as_bytes(), body]);
    IdempotencyKey { requester, key: token_id.to_owned(), body }
}

/// How a task stands.
#[utoipa::path(
    get, path = ONE, tag = "access requests", operation_id = "showAccessRequest", security(("bearer" = [])),
    params(("id" = String, Path, description = "The task's id.")),
    responses(
        (status = 200, body = TaskReply<'static>, description = "The task."),
        super::openapi::TaskErrors,
    ),
)]
pub async fn task(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(answer(&app, StatusCode::OK, &headers, &one(&app, &caller, &id).await?))
}

/// Calls a task off while it is pending.
#[utoipa::path(
    post, path = CANCEL, tag = "access requests", operation_id = "cancelAccessRequest", security(("bearer" = [])),
    params(("id" = String, Path, description = "The task's id.")),
    request_body = Option<CancelBody>,
    responses(
        (status = 200, body = TaskReply<'static>, description = "It is called off."),
        super::openapi::AccessRequestErrors,
    ),
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let why = if body.is_end_stream() && !parts.headers.contains_key(CONTENT_TYPE) {
        CancelBody::default()
    } else {
        json::read(&body::read(&parts.headers, body, app.body_bytes_max).await?)?
    };
    for (pointer, text) in [("/comment", &why.comment), ("/reason", &why.reason)] {
        json::short(pointer, text.as_deref(), REASON_CHARS_MAX).map_err(Problem::field)?;
    }
    let seen = one(&app, &caller, &id).await?;
    if TaskStatus::of(&seen) != TaskStatus::Pending {
        return Err(Problem::new(ProblemCode::InvalidTaskState)
            .with_detail(format!("the task is {}", TaskStatus::of(&seen).as_str())));
    }
    let why = why.comment.or(why.reason);
    let cancelled = app.executions.cancel(caller.principal(), &id, why).await.map_err(problem)?;
    Ok(answer(&app, StatusCode::OK, &parts.headers, &cancelled))
}

/// The execution that is a task; no other execution is.
async fn one(app: &App, caller: &Caller, id: &str) -> Result<Execution, Problem> {
    let found = app.executions.one(caller.principal(), id).await.map_err(problem)?;
    match Binding::within(&found.request) {
        Some(_) => Ok(found),
        None => Err(Problem::new(ProblemCode::UnknownTask)),
    }
}

fn answer(app: &App, done: StatusCode, headers: &HeaderMap, execution: &Execution) -> Response {
    let at = format!("{}{PATH}/{}", app.guard.base(headers), execution.id);
    let task = TaskReply::new(execution, &at);
    let is_pending = TaskStatus::of(execution) == TaskStatus::Pending;
    let is_new = done == StatusCode::CREATED;
    let status = if is_new && is_pending { StatusCode::ACCEPTED } else { done };
    let mut response = reply(status, &task);
    let headers = response.headers_mut();
    if is_new && let Ok(at) = HeaderValue::from_str(&at) {
        headers.insert(LOCATION, at);
    }
    if is_pending {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

/// What the profile calls it.
fn problem(error: ExecutionError) -> Problem {
    match error {
        ExecutionError::NotFound => Problem::new(ProblemCode::UnknownTask),
        ExecutionError::KeyReused => Problem::new(ProblemCode::DuplicateRequest)
            .with_hint("evaluate again, and submit the new denial"),
        ExecutionError::Refused(refused @ Refused::NotNow { .. }) => {
            Problem::new(ProblemCode::InvalidTaskState).with_detail(refused.to_string())
        }
        error => error.into(),
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        const HINT: &str = "evaluate again, and send back what `access_request` holds";
        match rejected {
            Rejected::Expired => Self::new(ProblemCode::ExpiredDenial).with_hint(HINT),
            Rejected::Unbound(why) => {
                Self::new(ProblemCode::InvalidDenialBinding).with_detail(why).with_hint(HINT)
            }
        }
    }
}
