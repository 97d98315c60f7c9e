//! Versions that are rolled out, over HTTP: asked on the side, or about a part of all requests.

mod body;
mod reply;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::App;
use super::body::MaybeSent;
use super::json::Text;
use super::page::Id;
use super::policies::refused;
use super::policy_sets::number;
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::reload::{Draft, Trigger};
use crate::service::beside::Part;
use body::{CanaryBody, ShadowBody};
pub use reply::{ReportReply, RolloutReply};

/// Where a version is asked on the side.
pub const SHADOW: &str = "/v1/policy-sets/{id}/shadow";
/// Where one decides for some.
pub const CANARY: &str = "/v1/policy-sets/{id}/canary";

/// Has a version asked on the side about what the active one decides, on every host that shares the
/// store. It never answers, and what it stores is not kept.
#[utoipa::path(
    post, path = SHADOW, tag = "policies", operation_id = "shadowPolicySet", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    request_body = Option<ShadowBody>,
    responses(
        (status = 200, body = RolloutReply, description = "It is asked."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn shadow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { body, .. }: MaybeSent<ShadowBody>,
) -> Result<Json<RolloutReply>, Problem> {
    let (draft, comment) = body.into_draft(number(&id)?);
    roll_out(&app, draft, trigger(&caller, comment)).await
}

/// Has a version decide for a part of all requests, on every host that shares the store, until it is
/// made to decide everything, is stopped, or exceeds what its guard allows.
#[utoipa::path(
    post, path = CANARY, tag = "policies", operation_id = "canaryPolicySet", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    request_body = Option<CanaryBody>,
    responses(
        (status = 200, body = RolloutReply, description = "It decides for some."),
        super::openapi::ReloadErrors,
    ),
)]
pub async fn canary(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    MaybeSent { body, .. }: MaybeSent<CanaryBody>,
) -> Result<Json<RolloutReply>, Problem> {
    let (draft, comment) = body.into_draft(number(&id)?);
    roll_out(&app, draft, trigger(&caller, comment)).await
}

/// Has a version asked on the side no more.
#[utoipa::path(
    delete, path = SHADOW, tag = "policies", operation_id = "stopShadow", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    responses((status = 204, description = "It is asked no more."), super::openapi::VersionErrors),
)]
pub async fn stop_shadow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    stop(&app, &caller, &id, "shadow").await
}

/// Has a version decide for nobody; the active one decides everything.
#[utoipa::path(
    delete, path = CANARY, tag = "policies", operation_id = "stopCanary", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    responses((status = 204, description = "It decides no more."), super::openapi::VersionErrors),
)]
pub async fn stop_canary(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    stop(&app, &caller, &id, "canary").await
}

/// What a version that is asked on the side would have changed, as this host has seen.
#[utoipa::path(
    get, path = SHADOW, tag = "policies", operation_id = "shadowReport", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    responses(
        (status = 200, body = ReportReply, description = "Counts, and examples."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn report(State(app): State<Arc<App>>, Id(id): Id) -> Result<Response, Problem> {
    let version = number(&id)?;
    let in_force = app.service.in_force();
    let beside = in_force.beside.as_ref().filter(|beside| beside.rollout.version == version);
    match beside.map(|beside| &beside.part) {
        Some(Part::Shadow(shadow)) => Ok(ok(&ReportReply::new(version, shadow.report()))),
        Some(Part::Canary(_)) | None => Err(Problem::new(ProblemCode::NotFound)
            .with_detail(format!("version {version} is not asked on the side"))
            .with_hint("`writ policy status` tells what is rolled out")),
    }
}

async fn roll_out(
    app: &App,
    draft: Draft,
    trigger: Trigger,
) -> Result<Json<RolloutReply>, Problem> {
    draft.check().map_err(|error| {
        Problem::new(ProblemCode::InvalidRequest).with_detail(error.to_string())
    })?;
    app.reload.roll_out(draft, &trigger).await.map_err(refused)?;
    // Somebody may have ended it since.
    let status = app.reload.rollout().ok_or_else(|| Problem::new(ProblemCode::Internal))?;
    Ok(Json(RolloutReply::new(status, app)))
}

async fn stop(
    app: &App,
    caller: &Caller,
    id: &str,
    how: &'static str,
) -> Result<StatusCode, Problem> {
    let trigger = trigger(caller, None);
    app.reload.stop_rollout(number(id)?, how, &trigger).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn trigger(caller: &Caller, comment: Option<Text>) -> Trigger {
    let comment = comment.map(|Text(comment)| comment).unwrap_or_default();
    Trigger::Request { by: caller.principal().person.clone(), comment }
}
