//! `GET /v1/executions`: what there is, and what happened to one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use writ_core::execution::Status;

use super::reply::{EventsReply, ExecutionReply, ExecutionsReply};
use super::{EVENTS, ONE, PATH, answer};
use crate::auth::Caller;
use crate::http::App;
use crate::http::page::{Cursor, Id, Limit, Query};
use crate::http::problem::{Problem, ProblemCode};
use crate::http::reply::ok;
use crate::service::executions::Part;

/// Which executions are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// Only those of this status.
    status: Option<String>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// Which events are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventListing {
    /// The `next` of the page before.
    cursor: Option<u64>,
    /// How many, 1 to 100; 50 where it is absent.
    #[serde(default)]
    #[param(value_type = Option<u32>)]
    limit: Limit,
}

/// Lists executions, newest first: the caller's own, or everybody's for operators and auditors.
#[utoipa::path(
    get, path = PATH, tag = "executions", operation_id = "listExecutions", security(("bearer" = [])),
    params(Listing),
    responses(
        (status = 200, body = ExecutionsReply<'static>, description = "A page; `next` leads on, where there may be more."),
        crate::http::openapi::SeenErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    if let Some(status) = listing.status.as_deref().filter(|name| !Status::NAMES.contains(name)) {
        return Err(Problem::new(ProblemCode::InvalidRequest)
            .with_detail(format!("`{status}` is no status"))
            .with_hint(format!("use one of {}", Status::NAMES.join(", "))));
    }
    let part =
        Part { before: listing.cursor.as_ref().map(Cursor::as_str), limit: listing.limit.get() };
    let found = app.executions.page(by, listing.status, part).await?;
    Ok(ok(&ExecutionsReply::new(&found)))
}

/// One execution.
#[utoipa::path(
    get, path = ONE, tag = "executions", operation_id = "showExecution", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id.")),
    responses(
        (status = 200, body = ExecutionReply<'static>, description = "The execution.", headers(("ETag" = String))),
        (status = 202, body = ExecutionReply<'static>, description = "People must agree first.", headers(("ETag" = String), ("Retry-After" = u64))),
        crate::http::openapi::SeenErrors,
    ),
)]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let by = caller.principal();
    Ok(answer(StatusCode::OK, &app.executions.one(by, &id).await?))
}

/// What happened to one execution, oldest first.
#[utoipa::path(
    get, path = EVENTS, tag = "executions", operation_id = "listExecutionEvents", security(("bearer" = [])),
    params(("id" = String, Path, description = "The execution's id."), EventListing),
    responses(
        (status = 200, body = EventsReply<'static>, description = "A page; `next` leads on, where there may be more."),
        crate::http::openapi::SeenErrors,
    ),
)]
pub async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Query(listing): Query<EventListing>,
) -> Result<Response, Problem> {
    let by = caller.principal();
    let (after, limit) = (listing.cursor.unwrap_or(0), listing.limit.get());
    let found = app.executions.events(by, &id, after, limit).await?;
    Ok(ok(&EventsReply::new(&found, limit)))
}
