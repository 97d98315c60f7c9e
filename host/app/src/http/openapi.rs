//! The description of this interface: OpenAPI 3.1, generated from the handlers and their types.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::App;
use super::problem::{ProblemBody, ProblemCode};
use super::reply::{DecisionReply, DecisionsReply};
use super::{authzen, discovery, health, keys, metrics, wire};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Writ",
        description = "Decides what agents may do. Errors are problem details (RFC 9457); a path that is not described answers 404, another method 405.",
    ),
    paths(
        authzen::evaluation,
        authzen::evaluations,
        discovery::configuration,
        health::live,
        health::ready,
        health::startup,
        keys::create,
        keys::list,
        keys::revoke,
        metrics::page,
        page,
    ),
    components(schemas(ProblemBody<'static>, wire::ItemBody)),
    tags(
        (name = "authzen", description = "OpenID AuthZEN Authorization API 1.0"),
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
    One(DecisionReply<'a>),
}

/// Problems of a caller that is not known by a name or an origin.
pub struct NameErrors;

/// Problems of a caller that is not known, or may not.
pub struct CallerErrors;

/// Problems of a change to keys.
pub struct KeyErrors;

/// Problems of a question.
pub struct DecisionErrors;

impl IntoResponses for NameErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[ProblemCode::OriginNotAllowed, ProblemCode::HostNotAllowed])
    }
}

impl IntoResponses for CallerErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemCode::Unauthenticated,
            ProblemCode::Forbidden,
            ProblemCode::OriginNotAllowed,
            ProblemCode::HostNotAllowed,
        ])
    }
}

impl IntoResponses for KeyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = DecisionErrors::responses();
        responses.extend(problems(&[ProblemCode::NotFound, ProblemCode::TooManyKeys]));
        responses
    }
}

impl IntoResponses for DecisionErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ProblemCode::MalformedJson,
            ProblemCode::InvalidRequest,
            ProblemCode::ContentType,
            ProblemCode::BodyUnreadable,
            ProblemCode::BodyTimeout,
            ProblemCode::BodyTooLarge,
            ProblemCode::Unauthenticated,
            ProblemCode::Forbidden,
            ProblemCode::OriginNotAllowed,
            ProblemCode::HostNotAllowed,
            ProblemCode::StorageUnavailable,
        ])
    }
}

/// Declares problems, one response a status.
fn problems(codes: &[ProblemCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for code in codes {
        let line = format!("`{}`: {}", code.as_str(), code.title());
        by_status.entry(code.status().as_u16().to_string()).or_default().push(line);
    }
    let response = |lines: Vec<String>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let response = ResponseBuilder::new()
            .description(lines.join("; "))
            .content("application/problem+json", content);
        RefOr::T(response.build())
    };
    by_status.into_iter().map(|(status, lines)| (status, response(lines))).collect()
}
