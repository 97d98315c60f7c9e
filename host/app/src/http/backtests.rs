//! `POST /v1/policy-sets/{id}/backtest`: what a version would have decided of what was decided here.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_engine::Engine;

use super::App;
use super::body::Sent;
use super::components::kept;
use super::json::FieldError;
use super::page::Id;
use super::policy_sets::version;
use super::problem::{Problem, ProblemCode};
use super::reply::ok;
use crate::auth::Caller;
use crate::backtest::{self, Bounds, Candidate, Report, Source, SourceError};
use crate::policy_set::StoredError;

/// Where a version is tried.
pub const PATH: &str = "/v1/policy-sets/{id}/backtest";

/// How many decisions are looked at where nobody says, and at most.
const DECISIONS_MAX: u64 = 100_000;
/// For how long a server tries: commands wait for 30 seconds.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Which decisions are made again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestRequest)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct BacktestBody {
    /// Those since then, newest first.
    #[schema(format = "date-time")]
    pub since: String,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100_000)]
    pub decisions_max: Option<u64>,
}

/// Tries a version on what was decided here, at most 20 seconds and one try at a time. Nothing is kept of
/// what it decides.
#[utoipa::path(
    post, path = PATH, tag = "policies", operation_id = "backtestPolicySet", security(("bearer" = [])),
    params(("id" = u64, Path, description = "The version's number.")),
    request_body = BacktestBody,
    responses(
        (status = 200, body = Report, description = "What would change. Where it is not `complete`, there were more decisions."),
        super::openapi::BacktestErrors,
    ),
)]
pub async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Sent { body, .. }: Sent<BacktestBody>,
) -> Result<Response, Problem> {
    let since_ms = since(&body.since).map_err(Problem::field)?;
    let decisions_max = most(body.decisions_max).map_err(Problem::field)?;
    let Ok(_turn) = app.backtests.try_acquire() else {
        return Err(Problem::new(ProblemCode::BacktestRuns));
    };
    let (store, tenant) = (app.executions.store(), &caller.principal().tenant);
    let (version, set) = version(&app, &caller, &id).await?;
    let engine: &Engine = &app.engine;
    let loaded = set.load(&version, (engine, kept(&app, &caller))).await;
    let snapshot = loaded.map_err(|error| match error {
        StoredError::Store(error) => error.into(),
        error => Problem::new(ProblemCode::PolicySetRefused).with_detail(error.to_string()),
    })?;
    let candidate = Candidate { snapshot: Arc::new(snapshot), tenant: tenant.clone() };
    // Others want to be served meanwhile.
    let workers = std::thread::available_parallelism().map_or(1, |all| usize::from(all) / 2).max(1);
    let bounds = Bounds { workers, decisions_max, time_max: TIME_MAX };
    let source = Source::stored(store.clone(), tenant.clone(), since_ms);
    let report = backtest::run(&candidate, source, bounds, |_| {}).await;
    Ok(ok(&report.map_err(Problem::from)?))
}

fn since(text: &str) -> Result<u64, FieldError> {
    let refused =
        || FieldError { pointer: "/since".into(), message: "is no time (RFC 3339)".into() };
    let at: Timestamp = text.parse().map_err(|_| refused())?;
    u64::try_from(at.as_millisecond()).map_err(|_| refused())
}

fn most(decisions_max: Option<u64>) -> Result<u64, FieldError> {
    match decisions_max.unwrap_or(DECISIONS_MAX) {
        most @ 1..=DECISIONS_MAX => Ok(most),
        most => Err(FieldError {
            pointer: "/decisions_max".into(),
            message: format!("is {most}, must be 1 to {DECISIONS_MAX}"),
        }),
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Store(error) => error.into(),
            SourceError::File(_) | SourceError::Line { .. } => Self::new(ProblemCode::Internal),
        }
    }
}
