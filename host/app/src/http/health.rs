//! Whether the host lives, has started, and takes requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::lifecycle::Stage;
use crate::service::Records;

/// How long the store may take to answer a check.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of the host.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    status: Status,
    /// What was checked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

/// One thing that must hold.
#[derive(Debug, Serialize, ToSchema)]
struct Check {
    name: &'static str,
    status: Status,
}

/// Whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Pass,
    Fail,
}

/// The process answers.
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "live",
    responses((status = 200, body = Health, description = "It lives."), super::openapi::NameErrors),
)]
pub async fn live() -> Response {
    Health { status: Status::Pass, checks: Vec::new() }.into_response()
}

/// The host has started: it has loaded its policies and listens.
#[utoipa::path(
    get, path = "/health/startup", tag = "health", operation_id = "startup",
    responses(
        (status = 200, body = Health, description = "It has started."),
        (status = 503, body = Health, description = "Not yet."),
        super::openapi::NameErrors,
    ),
)]
pub async fn startup(State(app): State<Arc<App>>) -> Response {
    let started = app.lifecycle.stage() != Stage::Starting;
    Health::of(vec![Check::new("server", started)]).into_response()
}

/// The host takes requests: it listens, is not about to stop, and can store decisions.
#[utoipa::path(
    get, path = "/ready", tag = "health", operation_id = "ready",
    responses(
        (status = 200, body = Health, description = "It takes requests."),
        (status = 503, body = Health, description = "It does not; the check that fails says why."),
        super::openapi::NameErrors,
    ),
)]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let store = match app.service.records() {
        Records::Durable(store) => {
            matches!(tokio::time::timeout(PING_TIMEOUT, store.ping()).await, Ok(Ok(())))
        }
        Records::Ephemeral(_) => true,
    };
    Health::of(vec![
        Check::new("server", app.lifecycle.stage() == Stage::Serving),
        Check::new("policies", !app.service.active().denies_everything()),
        Check::new("store", store),
    ])
    .into_response()
}

/// The same as `/ready`.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", operation_id = "readyBelowHealth",
    responses(
        (status = 200, body = Health, description = "It takes requests."),
        (status = 503, body = Health, description = "It does not; the check that fails says why."),
        super::openapi::NameErrors,
    ),
)]
pub async fn ready_below_health(app: State<Arc<App>>) -> Response {
    ready(app).await
}

impl Health {
    fn of(checks: Vec<Check>) -> Self {
        let passes = checks.iter().all(|check| check.status == Status::Pass);
        Self { status: Status::of(passes), checks }
    }
}

impl Check {
    fn new(name: &'static str, passes: bool) -> Self {
        Self { name, status: Status::of(passes) }
    }
}

impl Status {
    fn of(passes: bool) -> Self {
        if passes { Self::Pass } else { Self::Fail }
    }
}

impl IntoResponse for Health {
    fn into_response(self) -> Response {
        let status = match self.status {
            Status::Pass => StatusCode::OK,
            Status::Fail => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_request::Signers;
    use crate::auth::{Authenticator, Keyring};
    use crate::breaker::BreakerConfig;
    use crate::channels::Channels;
    use crate::config::{Config, Fixed, Origin};
    use crate::http::{Guard, Parts, Serves, router};
    use crate::policy_set::Snapshot;
    use crate::reload::{self, Begun, Reload};
    use crate::service::{Executions, Retention, Service};
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tempfile::TempDir;
    use tower::ServiceExt;
    use writ_engine::{CompilerCommand, Engine, EngineConfig};
    use writ_store::{Store, StoreConfig};

    /// An app without policies, so that one check fails whatever the stage.
    async fn app(directory: &TempDir) -> Arc<App> {
        let compiler = CompilerCommand { program: "unused".into(), args: Vec::new() };
        let engine = Engine::new(EngineConfig::new(compiler)).unwrap();
        let records = Records::Ephemeral(Default::default());
        let keys = Keyring::open(records.clone(), Default::default()).await.unwrap();
        let service = Service::new(
            Snapshot::new(vec![]),
            BreakerConfig::default(),
            records,
            Default::default(),
        );
        let service = Arc::new(service);
        let store = Store::open(StoreConfig::new(directory.path())).await.unwrap();
        let channels = Channels::open(store.clone(), Default::default(), &[]).await.unwrap();
        let parts = reload::Parts {
            origin: Origin::default(),
            engine: engine.clone(),
            service: service.clone(),
            store: store.clone(),
            tenant: Default::default(),
            trust: Default::default(),
            registries: Default::default(),
            leads: true,
        };
        let config = Config::bare(None).unwrap();
        let first = Begun::new(Snapshot::new(vec![]));
        let reload = Reload::new(parts, Fixed::of(&config), first);
        let executions = Executions::new(service.clone(), store);
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), &[], &[]);
        let auth = Authenticator::new(keys, None);
        let records = Records::Ephemeral(Default::default());
        let signers = Signers::open(records, Default::default(), None).await.unwrap();
        let body_bytes_max = 1_024;
        Arc::new(App::new(Parts {
            service,
            executions,
            channels,
            reload,
            engine,
            guard,
            auth,
            signers,
            body_bytes_max,
            retention: Retention::Forever,
            serves: Serves::Everything,
        }))
    }

    async fn check(app: &Arc<App>, path: &str, status: u16, failing: &[&str]) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(app.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let health: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let checks = health["checks"].as_array().cloned().unwrap_or_default();
        let failed = checks.iter().filter(|check| check["status"] == "fail");
        assert_eq!(
            failed.map(|check| check["name"].clone()).collect::<Vec<_>>(),
            failing,
            "{path}"
        );
    }

    #[tokio::test]
    async fn each_stage_is_told_with_the_check_that_fails() {
        let directory = tempfile::tempdir().unwrap();
        let app = app(&directory).await;
        check(&app, "/health", 200, &[]).await;
        check(&app, "/health/startup", 503, &["server"]).await;
        check(&app, "/ready", 503, &["server", "policies"]).await;
        app.lifecycle.advance(Stage::Serving);
        check(&app, "/health/startup", 200, &[]).await;
        check(&app, "/ready", 503, &["policies"]).await;
        app.lifecycle.advance(Stage::Draining);
        check(&app, "/health/startup", 200, &[]).await;
        check(&app, "/health/ready", 503, &["server", "policies"]).await;
        check(&app, "/health", 200, &[]).await;
    }
}
