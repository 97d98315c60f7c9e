//! `POST /v1/executions/{id}/retry`: does once more what came to nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::reply::ExecutionReply;
use super::{RETRY, answer};
use crate::auth::Caller;
use crate::http::App;
use crate::http::authzen::{meta, set_for};
use crate::http::body::MaybeSent;
use crate::http::page::Id;
use crate::http::problem::Problem;

/// Nothing is to be said: what is done once more is what was asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = RetryRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct RetryBody {}

/// Asks once more for what has failed or expired: a new execution of the same action, which policies
/// decide and people agree to anew. An execution is retried once; the same again gives its retry.
#[utoipa::path(
    post, path = RETRY, tag = "executions", operation_id = "retryExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The id of the execution that came to nothing.")),
    request_body = Option<RetryBody>,
    responses(
        (status = 201, body = ExecutionReply<'static>, description = "The new execution, decided: `status` tells how.",
            headers(("Location" = String), ("ETag" = String))),
        (status = 202, body = ExecutionReply<'static>, description = "People must agree first, or this host carries it out.",
            headers(("Location" = String), ("ETag" = String), ("Retry-After" = u64))),
        crate::http::openapi::ExecutionErrors,
    ),
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { headers, body: RetryBody {} }: MaybeSent<RetryBody>,
) -> Result<Response, Problem> {
    let seen = app.executions.one(caller.principal(), &id).await?;
    let (active, meta) = (set_for(&app, &seen.request, &headers), meta(&caller, &headers));
    let retry = app.executions.retry(&active, caller.principal(), &id, meta).await?;
    Ok(answer(StatusCode::CREATED, &retry))
}
