//! AuthZEN's discovery document: where this decision point answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, access_requests, authzen};

/// Where the document is (RFC 8615).
pub const PATH: &str = "/.well-known/authzen-configuration";

/// Where the keys are with which this decision point signs (RFC 7517).
pub const KEYS: &str = "/access/v1/jwks";
/// That denials may be put to people.
const ACCESS_REQUEST: &str = "urn:openid:authzen:capability:access-request";
/// How long either may be kept.
const CACHED: (axum::http::HeaderName, &str) = (CACHE_CONTROL, "private, max-age=300");

/// AuthZEN 1.0, section "Policy Decision Point Metadata".
#[derive(Debug, Serialize, ToSchema)]
pub struct Configuration {
    /// The base URL of this decision point.
    #[schema(format = "uri")]
    policy_decision_point: String,
    /// Where one question is asked.
    #[schema(format = "uri")]
    access_evaluation_endpoint: String,
    /// Where several are.
    #[schema(format = "uri")]
    access_evaluations_endpoint: String,
    /// Where a denial is put to people.
    #[schema(format = "uri")]
    access_request_endpoint: String,
    /// Where the keys are with which this decision point signs.
    #[schema(format = "uri")]
    jwks_uri: String,
    /// What this decision point does besides.
    capabilities: [&'static str; 1],
}

/// Tells where questions are asked.
///
/// The base URL is `public-url` of the configuration; without it that by which the caller has reached this
/// host: its `Host`, which has been checked, and `https` where a proxy in front says so.
#[utoipa::path(
    get, path = PATH, tag = "authzen", operation_id = "discover",
    params(("X-Forwarded-Proto" = Option<String>, Header, description = "`https` where a proxy in front of this host speaks TLS.")),
    responses(
        (status = 200, body = Configuration, description = "Where questions are asked."),
        super::openapi::NameErrors,
    ),
)]
pub async fn configuration(State(app): State<Arc<App>>, headers: HeaderMap) -> impl IntoResponse {
    let base = app.guard.base(&headers);
    let configuration = Configuration {
        access_evaluation_endpoint: format!("{base}{}", authzen::EVALUATION),
        access_evaluations_endpoint: format!("{base}{}", authzen::EVALUATIONS),
        access_request_endpoint: format!("{base}{}", access_requests::PATH),
        jwks_uri: format!("{base}{KEYS}"),
        capabilities: [ACCESS_REQUEST],
        policy_decision_point: base,
    };
    ([CACHED], Json(configuration))
}

/// The keys with which this decision point signs.
#[utoipa::path(
    get, path = KEYS, tag = "authzen", operation_id = "listSigningKeys",
    responses(
        (status = 200, body = Object, description = "A JWK Set (RFC 7517)."),
        super::openapi::NameErrors,
    ),
)]
pub async fn keys(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([CACHED], Json(app.signers.key_set()))
}
