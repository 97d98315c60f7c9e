//! `POST /v1/executions`: asks for an action.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use writ_core::{Digest, Principal};
use writ_store::{IDEMPOTENCY_KEY_BYTES_MAX, IdempotencyKey};

use super::reply::ExecutionReply;
use super::{PATH, answer, prefer};
use crate::auth::Caller;
use crate::http::App;
use crate::http::authzen::{meta, set_for};
use crate::http::body::Sent;
use crate::http::guard::only;
use crate::http::problem::{Problem, ProblemCode};
use crate::http::wire::CreateBody;
use crate::points;
use crate::service::executions::NewExecution;

/// Asks for an action: decided at once, and kept until it has been carried out.
#[utoipa::path(
    post, path = PATH, tag = "executions", operation_id = "createExecution", security(("bearer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same execution; another body is refused."),
        ("Prefer" = Option<String>, Header, description = "`wait=N` holds the answer for up to N seconds (60 at most) until people have decided, or this host has carried it out; after that it is 202 (RFC 7240)."),
    ),
    request_body = CreateBody,
    responses(
        (status = 201, body = ExecutionReply<'static>, description = "Decided: `status` tells how.",
            headers(("Location" = String), ("ETag" = String))),
        (status = 202, body = ExecutionReply<'static>, description = "People must agree first, or this host carries it out.",
            headers(("Location" = String), ("ETag" = String), ("Retry-After" = u64))),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Sent { headers, text, body }: Sent<CreateBody>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let idempotency = idempotency(by, &headers, &text)?.into_iter().collect();
    let (request, tool) = body.into_parts();
    let active = set_for(&app, &request, &headers);
    let new = NewExecution { request, idempotency, tool };
    let mut execution = app.executions.create(&active, by, new, meta(&caller, &headers)).await?;
    let held = prefer::held(&headers);
    if held > Duration::ZERO {
        let id = execution.id.clone();
        tokio::select! {
            decided = app.executions.once_decided(by, &id, held) => execution = decided?,
            // A host that stops answers what it has.
            () = app.lifecycle.draining() => {}
        }
    }
    points::pass("http.create.answer");
    Ok(answer(StatusCode::CREATED, &execution))
}

/// The caller's key for a request that it may send again.
///
/// # Errors
/// Where the header is there and cannot be used.
pub(in crate::http) fn idempotency(
    by: &Principal,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, Problem> {
    const NAME: HeaderName = HeaderName::from_static("idempotency-key");
    let Some(key) = only(headers, &NAME)? else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::new(ProblemCode::InvalidRequest)
            .with_detail("the header `Idempotency-Key` is empty, too long or not ASCII")
            .with_hint(format!("send 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"))
    })?;
    let (requester, key, body) = (by.person.clone(), key.to_owned(), Digest::of(body));
    Ok(Some(IdempotencyKey { requester, key, body }))
}
