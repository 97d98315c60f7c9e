//! HTTP: the routes, and what holds for each of them.
//!
//! Handlers read, call one function of the service, and translate. What is common to all routes is
//! one plain function ([`answer`]), not a tower of layers, because it runs for every decision.

pub mod access;
pub mod access_requests;
pub mod answer;
pub mod approvals;
pub mod authzen;
pub mod backtests;
mod body;
pub mod channels;
pub mod components;
pub mod dead_letters;
pub mod decisions;
pub mod discovery;
pub mod events;
pub mod executions;
pub mod guard;
pub mod health;
pub mod json;
pub mod keys;
pub mod metrics;
pub mod openapi;
pub mod page;
pub mod policies;
pub mod policy_sets;
pub mod problem;
mod reevaluation;
pub mod reply;
pub mod rollouts;
pub mod rotation;
pub mod signing;
pub mod slack;
pub mod verification;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::access_request::Signers;
use crate::auth::Authenticator;
use crate::channels::Channels;
use crate::lifecycle::Lifecycle;
use crate::reload::Reload;
use crate::service::{Executions, Retention, Service};
use crate::telemetry::metrics::Route as Counted;
use access::Access;
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
    pub service: Arc<Service>,
    /// What executes.
    pub executions: Executions,
    /// What tells others.
    pub channels: Channels,
    /// What reads the policy set again.
    pub reload: Reload,
    /// What evaluates; here for its counters.
    pub engine: Engine,
    /// Whether the server takes requests.
    pub lifecycle: Lifecycle,
    /// By which name and from where it may be called.
    pub guard: Guard,
    /// Who calls.
    pub auth: Authenticator,
    /// What signs denials that may be put to people.
    pub signers: Signers,
    /// How large a body may be, in bytes.
    pub body_bytes_max: usize,
    /// For how long what has ended is kept.
    pub retention: Retention,
    /// What is answered.
    pub serves: Serves,
    openapi: Bytes,
    /// One backtest at a time: others want to be served meanwhile.
    backtests: Semaphore,
}

/// What an [`App`] is made of: its fields of the same names.
#[expect(missing_docs, reason = "said there")]
pub struct Parts {
    pub service: Arc<Service>,
    pub executions: Executions,
    pub channels: Channels,
    pub reload: Reload,
    pub engine: Engine,
    pub guard: Guard,
    pub auth: Authenticator,
    pub signers: Signers,
    pub body_bytes_max: usize,
    pub retention: Retention,
    pub serves: Serves,
}

impl App {
    /// What handlers share.
    pub fn new(parts: Parts) -> Self {
        let openapi = openapi::document().to_json().expect("the description is JSON").into();
        let Parts {
            service,
            executions,
            channels,
            reload,
            engine,
            guard,
            auth,
            signers,
            body_bytes_max,
            retention,
            serves,
        } = parts;
        Self {
            service,
            executions,
            channels,
            reload,
            engine,
            lifecycle: Lifecycle::default(),
            guard,
            auth,
            signers,
            body_bytes_max,
            retention,
            serves,
            openapi,
            backtests: Semaphore::new(1),
        }
    }
}

/// What a host answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Every route.
    Everything,
    /// Only how it is: `/health`, `/ready` and what belongs to them, and `/metrics`.
    HowItIs,
}

impl Serves {
    fn has(self, route: &Route) -> bool {
        let tells = ["/health", "/health/startup", "/health/ready", "/ready", "/metrics"];
        match self {
            Self::Everything => true,
            Self::HowItIs => tells.contains(&route.path),
        }
    }
}

/// A way into this host: a method and a path, who may use it, and what answers.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; a part in braces is any.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    answers: MethodRouter<Arc<App>>,
}

impl Route {
    fn new<H: Handler<T, Arc<App>>, T: 'static>(
        method: Method,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("the table has usual methods");
        Self { method, path, access, answers: on(filter, handler) }
    }

    fn guarded(self, app: &Arc<App>) -> MethodRouter<Arc<App>> {
        match self.access {
            Access::Public | Access::Shown(_) => self.answers,
            Access::Roles(roles) => {
                self.answers.route_layer(from_fn_with_state((app.clone(), roles), access::check))
            }
        }
    }
}

/// Every route, and who may use it.
pub fn routes() -> Vec<Route> {
    use access::{ANSWER, DECIDE, EXECUTE, FOLLOW, OPERATE, REVIEW, SEE, WATCH};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const DELETE: Method = Method::DELETE;
    vec![
        Route::new(POST, authzen::EVALUATION, Access::Roles(DECIDE), authzen::evaluation),
        Route::new(POST, authzen::EVALUATIONS, Access::Roles(DECIDE), authzen::evaluations),
        Route::new(POST, access_requests::PATH, EXECUTE, access_requests::submit),
        Route::new(GET, access_requests::ONE, SEE, access_requests::task),
        Route::new(POST, access_requests::CANCEL, EXECUTE, access_requests::cancel),
        Route::new(GET, discovery::KEYS, Access::Public, discovery::keys),
        Route::new(GET, discovery::PATH, Access::Public, discovery::configuration),
        Route::new(GET, "/openapi.json", Access::Public, openapi::page),
        Route::new(GET, "/health", Access::Public, health::live),
        Route::new(GET, "/health/startup", Access::Public, health::startup),
        Route::new(GET, "/health/ready", Access::Public, health::ready_below_health),
        Route::new(GET, "/ready", Access::Public, health::ready),
        Route::new(GET, "/metrics", WATCH, metrics::page),
        Route::new(POST, executions::PATH, EXECUTE, executions::create::create),
        Route::new(GET, executions::PATH, FOLLOW, executions::read::list),
        Route::new(GET, executions::ONE, SEE, executions::read::one),
        Route::new(GET, executions::EVENTS, SEE, executions::read::events),
        Route::new(POST, executions::CLAIM, EXECUTE, executions::carry::claim),
        Route::new(POST, executions::REPORT, EXECUTE, executions::carry::report),
        Route::new(POST, executions::CANCEL, EXECUTE, executions::carry::cancel),
        Route::new(POST, executions::RESOLVE, OPERATE, executions::carry::resolve),
        Route::new(POST, executions::RETRY, EXECUTE, executions::retry::retry),
        Route::new(GET, approvals::PATH, REVIEW, approvals::list),
        Route::new(GET, approvals::ONE, REVIEW, approvals::one),
        Route::new(POST, approvals::DECISION, ANSWER, approvals::decide),
        Route::new(GET, answer::PATH, answer::ACCESS, answer::show),
        Route::new(POST, answer::PATH, answer::ACCESS, answer::answer),
        Route::new(GET, events::PATH, WATCH, events::stream),
        Route::new(GET, verification::PATH, WATCH, verification::verification),
        Route::new(GET, channels::PATH, WATCH, channels::list),
        Route::new(DELETE, channels::ONE, OPERATE, channels::forget),
        Route::new(POST, slack::PATH, slack::ACCESS, slack::press),
        Route::new(GET, dead_letters::PATH, OPERATE, dead_letters::list),
        Route::new(POST, dead_letters::REDELIVER, OPERATE, dead_letters::redeliver),
        Route::new(POST, components::PATH, OPERATE, components::add),
        Route::new(GET, components::PATH, WATCH, components::list),
        Route::new(GET, components::ONE, WATCH, components::one),
        Route::new(GET, policies::STATUS, WATCH, policies::status),
        Route::new(POST, policies::RELOAD, OPERATE, policies::reload),
        Route::new(POST, policy_sets::ROLLBACK, OPERATE, policy_sets::rollback),
        Route::new(POST, policy_sets::PATH, OPERATE, policy_sets::create::create),
        Route::new(GET, policy_sets::PATH, WATCH, policy_sets::list),
        Route::new(GET, policy_sets::ONE, WATCH, policy_sets::one),
        Route::new(GET, policy_sets::DIFF, WATCH, policy_sets::diff),
        Route::new(POST, policy_sets::ACTIVATE, OPERATE, policy_sets::activate),
        Route::new(POST, backtests::PATH, OPERATE, backtests::run),
        Route::new(GET, decisions::PATH, WATCH, decisions::list),
        Route::new(GET, decisions::RECEIPT, WATCH, decisions::receipt),
        Route::new(POST, rollouts::SHADOW, OPERATE, rollouts::shadow),
        Route::new(GET, rollouts::SHADOW, WATCH, rollouts::report),
        Route::new(DELETE, rollouts::SHADOW, OPERATE, rollouts::stop_shadow),
        Route::new(POST, rollouts::CANARY, OPERATE, rollouts::canary),
        Route::new(POST, policy_sets::PROMOTE, OPERATE, policy_sets::promote),
        Route::new(DELETE, rollouts::CANARY, OPERATE, rollouts::stop_canary),
        Route::new(GET, keys::KEYS, OPERATE, keys::list),
        Route::new(POST, keys::KEYS, OPERATE, keys::create),
        Route::new(DELETE, keys::KEY, OPERATE, keys::revoke),
        Route::new(POST, signing::PATH, OPERATE, signing::rotate),
        Route::new(POST, rotation::PATH, OPERATE, rotation::rotate),
    ]
}

/// What answers on every route that this host serves.
pub fn router(app: Arc<App>) -> Router {
    let add = |router: Router<_>, route: Route| router.route(route.path, route.guarded(&app));
    routes()
        .into_iter()
        .filter(|route| app.serves.has(route))
        .fold(Router::new(), add)
        .fallback(async || Problem::new(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || Problem::new(ProblemCode::MethodNotAllowed))
        .with_state(app.clone())
}

/// Answers one request: checks who calls, routes, repeats the request's id, counts.
pub async fn answer(app: &Arc<App>, router: &Router, request: Request<Body>) -> Response {
    let counted = counted(request.uri().path());
    let (id, checked) = match request_id(request.headers()) {
        Ok(id) => (id, app.guard.check(&request)),
        Err(problem) => (None, Err(problem)),
    };
    let mut response = match checked {
        // The route of nearly all requests is called directly: finding it would cost as much as
        // reading the question.
        Ok(())
            if counted == Counted::Evaluation
                && request.method() == Method::POST
                && app.serves == Serves::Everything =>
        {
            evaluate(app, request).await.into_response()
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
    app.service.metrics().answered(counted, response.status().as_u16());
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
        // It is recorded as text, and what is given back is what is recorded.
        Some(id) if id.is_empty() || id.to_str().is_err() => {
            Err(Problem::new(ProblemCode::HeaderInvalid)
                .with_detail(format!("`{REQUEST_ID}` is empty, or not ASCII text"))
                .with_hint("send visible ASCII characters, or leave it out"))
        }
        id => Ok(id.cloned()),
    }
}

async fn evaluate(app: &Arc<App>, request: Request<Body>) -> Result<Response, Problem> {
    let caller = access::caller(app, request.headers(), access::DECIDE).await?;
    authzen::evaluation(State(app.clone()), caller, request).await
}

fn counted(path: &str) -> Counted {
    match path {
        authzen::EVALUATION => Counted::Evaluation,
        authzen::EVALUATIONS => Counted::Evaluations,
        _ => Counted::Other,
    }
}
