//! The description of this interface: OpenAPI 3.1, generated from the handlers and their types.

mod errors;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use super::App;
use super::problem::ProblemBody;
use super::reply::{DecisionReply, DecisionsReply};
use super::{
    access_requests, answer, approvals, authzen, backtests, channels, components, dead_letters,
    decisions, discovery, events, executions, health, keys, metrics, policies, policy_sets,
    rollouts, rotation, signing, slack, verification, wire,
};
pub use errors::*;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Writ",
        description = "Decides what agents may do. Errors are problem details (RFC 9457); a path that is not described answers 404, another method 405.",
    ),
    servers((url = "/", description = "This host, by the name under which this description was read.")),
    paths(
        authzen::evaluation,
        authzen::evaluations,
        access_requests::submit,
        access_requests::task,
        access_requests::cancel,
        discovery::configuration,
        discovery::keys,
        executions::create::create,
        executions::read::list,
        executions::read::one,
        executions::read::events,
        executions::carry::claim,
        executions::carry::report,
        executions::carry::cancel,
        executions::carry::resolve,
        executions::retry::retry,
        approvals::list,
        approvals::one,
        approvals::decide,
        answer::show,
        answer::answer,
        events::stream,
        verification::verification,
        channels::list,
        channels::forget,
        slack::press,
        dead_letters::list,
        dead_letters::redeliver,
        components::add,
        components::list,
        components::one,
        policies::status,
        policies::reload,
        policy_sets::rollback,
        policy_sets::create::create,
        policy_sets::list,
        policy_sets::one,
        policy_sets::diff,
        policy_sets::activate,
        backtests::run,
        decisions::list,
        decisions::receipt,
        rollouts::shadow,
        rollouts::report,
        rollouts::stop_shadow,
        rollouts::canary,
        rollouts::stop_canary,
        policy_sets::promote,
        health::live,
        health::ready,
        health::ready_below_health,
        health::startup,
        keys::create,
        keys::list,
        keys::revoke,
        signing::rotate,
        rotation::rotate,
        metrics::page,
        page,
    ),
    components(schemas(ProblemBody<'static>, wire::ItemBody)),
    tags(
        (name = "authzen", description = "OpenID AuthZEN Authorization API 1.0"),
        (name = "access requests", description = "OpenID AuthZEN Access Request and Approval Profile, draft 1"),
        (name = "executions", description = "Actions that are decided, agreed to by people, and carried out once"),
        (name = "approvals", description = "What people are asked"),
        (name = "events", description = "What happens, as evidence"),
        (name = "channels", description = "For operators: what others could not be told"),
        (name = "policies", description = "The policy set that decides"),
        (name = "decisions", description = "What was decided, as evidence"),
        (name = "health", description = "For orchestrators"),
        (name = "keys", description = "For operators: who may call"),
        (name = "telemetry", description = "For operators"),
    ),
    modifiers(&Bearer),
)]
struct Document;

/// How callers say who they are.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key of this host (`writ_…`), or a token of an issuer that it trusts.",
            ))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The whole description.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The description of this interface.
#[utoipa::path(
    get, path = "/openapi.json", tag = "telemetry", operation_id = "describe",
    responses(
        (status = 200, body = Object, description = "OpenAPI 3.1."),
        NameErrors,
    ),
)]
pub async fn page(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone())
}

/// One decision, or several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrSeveral<'a> {
    /// Where `evaluations` had items.
    Several(DecisionsReply<'a>),
    /// Where it had none.
    One(Box<DecisionReply<'a>>),
}
