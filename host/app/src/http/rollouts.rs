//! Versions that are rolled out, over HTTP: asked on the side, or about a part of all requests.

mod body;
mod reply;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use writ_core::BindingName;

use super::App;
use super::body::MaybeSent;
use super::page::{Id, Query};
use super::policies::{refused, trigger};
use super::policy_sets::number;
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::reload::{Draft, RolloutStatus, Trigger};
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

/// Of what is to be told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Reported {
    /// The binding, of a version that decides, whose `mode` is `shadow`. Absent: the version itself is
    /// asked on the side.
    #[param(value_type = Option<String>)]
    binding: Option<BindingName>,
}

/// What would have changed, as this host has seen: if a version decided that is asked on the side, or if
/// a binding's verdict counted that does not.
#[utoipa::path(
    get, path = SHADOW, tag = "policies", operation_id = "shadowReport", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number."), Reported),
    responses(
        (status = 200, body = ReportReply, description = "Counts, and examples."),
        super::openapi::VersionErrors,
    ),
)]
pub async fn report(
    State(app): State<Arc<App>>,
    Id(id): Id,
    Query(Reported { binding }): Query<Reported>,
) -> Result<Response, Problem> {
    let version = number(&id)?;
    let in_force = app.service.in_force();
    let beside = in_force.beside.as_ref().filter(|beside| beside.rollout.version == version);
    let decides = || app.reload.status().version == Some(version);
    let shadow = match (&binding, beside.map(|beside| (&beside.part, &beside.set))) {
        (None, Some((Part::Shadow(shadow), _))) => Some(shadow),
        (Some(_), Some((Part::Canary(_), set))) => set.shadow(),
        (Some(_), None) if decides() => in_force.active.shadow(),
        _ => None,
    };
    match shadow.and_then(|shadow| shadow.report(binding.as_ref())) {
        Some(report) => Ok(ok(&ReportReply::new(version, binding, report))),
        None => Err(not_asked(version, binding)),
    }
}

fn not_asked(version: u64, binding: Option<BindingName>) -> Problem {
    let problem = Problem::new(ProblemCode::NotFound);
    match binding {
        None => problem.with_detail(format!("version {version} is not asked on the side")),
        Some(binding) => problem.with_detail(format!(
            "version {version} does not decide, or has no binding `{binding}` with `mode = \"shadow\"`"
        )),
    }
    .with_hint("`writ policy status` tells what is asked on the side")
}

async fn roll_out(
    app: &App,
    draft: Draft,
    trigger: Trigger,
) -> Result<Json<RolloutReply>, Problem> {
    draft.check().map_err(|error| {
        Problem::new(ProblemCode::InvalidRequest).with_detail(error.to_string())
    })?;
    let before = app.reload.rollout().filter(RolloutStatus::goes_on);
    app.reload.roll_out(draft, &trigger).await.map_err(refused)?;
    // Somebody may have ended it since.
    let status = app.reload.rollout().ok_or_else(|| Problem::new(ProblemCode::Internal))?;
    Ok(Json(RolloutReply::new(status, app).in_place_of(before)))
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
