//! The metrics page, with what engine and store count for themselves.

mod stored;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::App;
use super::problem::{Problem, ProblemCode};
use crate::service::Records;
use crate::telemetry::page::{self, Sample};
use writ_store::StoreStats;

/// Every metric, as Prometheus reads it.
#[utoipa::path(
    get, path = "/metrics", tag = "telemetry", operation_id = "metrics", security(("bearer" = [])),
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "Prometheus text format 0.0.4."),
        super::openapi::CallerErrors,
    ),
)]
pub async fn page(State(app): State<Arc<App>>) -> Response {
    match page::write(app.service.metrics(), &samples(&app).await) {
        Ok(text) => ([(CONTENT_TYPE, page::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics page could not be written");
            Problem::new(ProblemCode::Internal).into_response()
        }
    }
}

async fn samples(app: &App) -> Vec<Sample> {
    let mut samples = engine(app);
    if let Records::Durable(store) = app.service.records() {
        samples.extend(self::store(&store.stats()));
        samples.extend(stored::figures(store, app.auth.keys().tenant()).await);
    }
    samples
}

fn sample(name: &'static str, help: &'static str, value: u64) -> Sample {
    Sample::one(name, help, value as f64)
}

fn engine(app: &App) -> Vec<Sample> {
    let engine = app.engine.stats();
    let load = &engine.load;
    vec![
        sample("writ_evaluations_running", "Evaluations that run now.", engine.running),
        sample(
            "writ_memo_hits_total",
            "Evaluations that were looked up in memory and found.",
            engine.memo_hits,
        ),
        sample(
            "writ_memo_misses_total",
            "Evaluations that were looked up in memory and not found.",
            engine.memo_misses,
        ),
        sample(
            "writ_bindings",
            "Bindings of the active policy set.",
            app.service.active().bound() as u64,
        ),
        sample("writ_compiles_total", "Processes that were started to compile.", load.compiles),
        sample("writ_refused_components_total", "Components that did not load.", load.refusals),
        sample(
            "writ_code_memory_hits_total",
            "Loads that found compiled code in memory.",
            load.memory_hits,
        ),
        sample("writ_code_disk_hits_total", "Loads that found it on disk.", load.disk_hits),
        sample("writ_code_disk_misses_total", "Loads that did not.", load.disk_missing),
        sample(
            "writ_code_disk_rejected_total",
            "Files of compiled code that were damaged, foreign or unreadable, and not used.",
            load.disk_damaged + load.disk_foreign + load.disk_unreadable,
        ),
    ]
}

fn store(stats: &StoreStats) -> Vec<Sample> {
    let seconds = |name, help, us: u64| Sample::one(name, help, us as f64 / 1e6);
    vec![
        sample("writ_store_batches_total", "Transactions that became durable.", stats.batches),
        seconds(
            "writ_store_batch_seconds_total",
            "Time that transactions took to become durable.",
            stats.batches_us,
        ),
        sample("writ_store_decisions_total", "Decisions that became durable.", stats.decisions),
        sample("writ_store_writes_total", "Writes of policies that became durable.", stats.writes),
        sample(
            "writ_store_conflicts_total",
            "Commits that were refused because what they had read had changed.",
            stats.conflicts,
        ),
        sample("writ_store_failures_total", "Commits that failed.", stats.failures),
        sample("writ_store_loads_total", "Keys that were read from disk.", stats.loads),
        sample("writ_store_swept_total", "Expired or deleted keys that were swept.", stats.swept),
        sample(
            "writ_retention_executions_total",
            "Executions that were removed because they had ended long ago.",
            stats.swept_executions,
        ),
        sample(
            "writ_retention_events_total",
            "Events that were removed because all that they told of was over long ago.",
            stats.swept_events,
        ),
        sample(
            "writ_retention_decisions_total",
            "Decisions that were removed because they were made long ago.",
            stats.swept_decisions,
        ),
        sample("writ_store_queued_commits", "Commits that wait for the writer.", stats.queued),
        sample("writ_store_cache_bytes", "Memory for keys that policies store.", stats.cache_bytes),
        sample(
            "writ_store_failing",
            "Whether the last transaction failed: 0 no, 1 yes.",
            u64::from(stats.is_failing),
        ),
    ]
}
