//! HTTP: the routes, and what holds for each of them.
//!
//! Handlers read, call one function of the service, and translate. What is common to all routes is
//! one plain function ([`answer`]), not a tower of layers, because it runs for every decision.

pub mod authzen;
mod body;
pub mod discovery;
pub mod guard;
pub mod health;
pub mod json;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod reply;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tower::ServiceExt;

use crate::lifecycle::Lifecycle;
use crate::service::Service;
use crate::telemetry::metrics::Route;
pub use guard::Guard;
use problem::{Problem, ProblemCode};
use writ_engine::Engine;

/// The caller's name for its request, which every answer repeats.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long that name may be, in bytes: it is kept with the decision.
const REQUEST_ID_BYTES_MAX: usize = 256;

/// Everything that a handler may use.
pub struct App {
    /// What decides.
    pub service: Service,
    /// What evaluates; here for its counters.
    pub engine: Engine,
    /// Whether the server takes requests.
    pub lifecycle: Lifecycle,
    /// Who may call.
    pub guard: Guard,
    /// How large a body may be, in bytes.
    pub body_bytes_max: usize,
    openapi: Bytes,
}

impl App {
    /// What handlers share.
    pub fn new(service: Service, engine: Engine, guard: Guard, body_bytes_max: usize) -> Self {
        let openapi = openapi::document().to_json().expect("the description is JSON").into();
        Self { service, engine, lifecycle: Lifecycle::default(), guard, body_bytes_max, openapi }
    }
}

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(authzen::EVALUATION, post(authzen::evaluation))
        .route(authzen::EVALUATIONS, post(authzen::evaluations))
        .route(discovery::PATH, get(discovery::configuration))
        .route("/openapi.json", get(openapi::page))
        .route("/health", get(health::live))
        .route("/health/startup", get(health::startup))
        .route("/health/ready", get(health::ready_below_health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::page))
        .fallback(async || Problem::new(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || Problem::new(ProblemCode::MethodNotAllowed))
        .with_state(app)
}

/// Answers one request: checks who calls, routes, repeats the request's id, counts.
pub async fn answer(app: &Arc<App>, router: &Router, request: Request<Body>) -> Response {
    let route = route(request.uri().path());
    let (id, checked) = match request_id(request.headers()) {
        Ok(id) => (id, app.guard.check(&request)),
        Err(problem) => (None, Err(problem)),
    };
    let mut response = match checked {
        // The route of nearly all requests is called directly: finding it would cost as much as
        // reading the question.
        Ok(()) if route == Route::Evaluation && request.method() == Method::POST => {
            authzen::evaluation(State(app.clone()), request).await.into_response()
        }
        Ok(()) => match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(problem) => problem.into_response(),
    };
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    app.service.metrics().answered(route, response.status().as_u16());
    response
}

/// The caller's name for its request, where it has one.
fn request_id(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    match guard::only(headers, &REQUEST_ID)? {
        Some(id) if id.len() > REQUEST_ID_BYTES_MAX => {
            Err(Problem::new(ProblemCode::HeaderInvalid)
                .with_detail(format!("`{REQUEST_ID}` has {} bytes", id.len()))
                .with_hint(format!("send at most {REQUEST_ID_BYTES_MAX}")))
        }
        id => Ok(id.cloned()),
    }
}

fn route(path: &str) -> Route {
    match path {
        authzen::EVALUATION => Route::Evaluation,
        authzen::EVALUATIONS => Route::Evaluations,
        _ => Route::Other,
    }
}
