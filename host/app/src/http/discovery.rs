//! AuthZEN's discovery document: where this decision point answers.

use axum::Json;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::authzen;

/// Where the document is (RFC 8615).
pub const PATH: &str = "/.well-known/authzen-configuration";

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
}

/// Tells where questions are asked. The base URL is that by which the caller has reached this
/// host: its `Host`, which has been checked, and `https` where a proxy in front says so.
#[utoipa::path(
    get, path = PATH, tag = "authzen", operation_id = "discover",
    params(("X-Forwarded-Proto" = Option<String>, Header, description = "`https` where a proxy in front of this host speaks TLS.")),
    responses(
        (status = 200, body = Configuration, description = "Where questions are asked."),
        super::openapi::NameErrors,
    ),
)]
pub async fn configuration(headers: HeaderMap) -> impl IntoResponse {
    let text = |value: &'_ axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let host = headers.get(HOST).and_then(text).unwrap_or_default();
    let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let base = format!("{}://{host}", if secure { "https" } else { "http" });
    let configuration = Configuration {
        access_evaluation_endpoint: format!("{base}{}", authzen::EVALUATION),
        access_evaluations_endpoint: format!("{base}{}", authzen::EVALUATIONS),
        policy_decision_point: base,
    };
    ([(CACHE_CONTROL, "private, max-age=300")], Json(configuration))
}
