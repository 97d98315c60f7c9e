//! How many recorded decisions a second one core decides again, by a starter policy that asks the store
//! nothing (`rules`) and by one that does (`rate-limit`). No two requests are equal, so nothing is
//! remembered. Reading and parsing the records is part of it; only the disk is not.
//!
//! It prints one line of JSON a figure, which `cargo xtask bench` makes a table of. `--quick` measures for
//! some seconds only.
#![allow(missing_docs)]

#[path = "support/effort.rs"]
mod effort;

use std::io::Cursor;
use std::sync::Arc;
use std::time::{Duration, Instant};

use effort::{Effort, median, print};
use tempfile::TempDir;
use writ::backtest::{Bounds, Candidate, Change, Source, run};
use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, Overrides};
use writ::policy_set;
use writ::service::{Meta, Records, Service};
use writ::telemetry::Metrics;
use writ_core::{Action, Entity, Json, Request, Tenant, Verbatim};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_store::{Store, StoreConfig, StoredDecision};

/// As the binary `writ` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many decisions are made again in a turn.
const DECISIONS: usize = 20_000;

const BOUNDS: Bounds =
    Bounds { workers: 1, decisions_max: u64::MAX, time_max: Duration::from_secs(600) };

const RULES: &str = r#"
[[binding]]
name = "rules"
source = "builtin:rules"
[[binding.settings.rules]]
name = "small"
when = { path = "/action/properties/amount", le = 100000000 }
effect = "allow"
"#;

const RATE: &str = r#"
[[binding]]
name = "rate"
source = "builtin:rate-limit"
settings = { limit = 1000, window-seconds = 3600, on-within = "allow" }
"#;

fn main() {
    let effort = Effort::of(&std::env::args().skip(1).collect::<Vec<_>>());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    for (name, set) in [("rules", RULES), ("rate-limit", RATE)] {
        runtime.block_on(measure(name, set, effort));
    }
}

/// Decisions a second, on the only thread that there is.
async fn measure(name: &str, set: &str, effort: Effort) {
    let directory = tempfile::tempdir().expect("a directory");
    let (candidate, text) = prepared(set, &directory).await;
    let mut seen = Vec::new();
    for _ in 0..effort.rounds() {
        let source = Source::exported(Box::new(Cursor::new(text.clone())), 0);
        let start = Instant::now();
        let report = run(&candidate, source, BOUNDS, |_| {}).await.expect("records read back");
        seen.push(DECISIONS as f64 / start.elapsed().as_secs_f64());
        assert_eq!(report.count(Change::Same), DECISIONS as u64, "{report:?}");
    }
    print(&format!("backtest/{name}/per-second-and-core"), median(seen.into_iter()));
}

/// A set, and as many decisions of it, a line each.
async fn prepared(set: &str, directory: &TempDir) -> (Candidate, String) {
    let compiler = CompilerCommand {
        program: env!("CARGO_BIN_EXE_writ").into(),
        args: vec!["__compile".into()],
    };
    let engine = EngineConfig { instances_max: 4, ..EngineConfig::new(compiler) };
    let engine = Engine::new(engine).expect("an engine");
    let root = Root::open(directory.path()).expect("the directory is there");
    let config = Config::parse(Document::new("writ.toml", set), root, &Overrides::default());
    let config = config.expect("the configuration is right");
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(&engine, &config.policies, bytes_max).await;
    let snapshot = snapshot.expect("starter policies load");
    let store = Store::open(StoreConfig::new(directory.path().join("data"))).await;
    let store = store.expect("a store");
    let records = Records::Durable(store.clone());
    let service = Service::new(snapshot.clone(), config.breaker, records, Arc::new(Metrics::new()));
    let answer = service.decide(&service.active(), request(0), Meta::default()).await;
    let id = answer.expect("it is decided").id;
    let recorded = store.decision(&Tenant::default(), &id).await.expect("it is read");
    let recorded = recorded.expect("it is kept");
    let text = (0..DECISIONS).map(|number| line(&recorded, number)).collect();
    (Candidate { snapshot: Arc::new(snapshot), tenant: Tenant::default() }, text)
}

/// The same decision about another request.
fn line(recorded: &StoredDecision, number: usize) -> String {
    let mut decision = recorded.clone();
    let request = Verbatim::new(request(number).canonical());
    decision.request_digest = request.digest();
    decision.whole.as_mut().expect("it is recorded whole").request = Some(request);
    serde_json::to_string(&decision).expect("decisions are JSON") + "\n"
}

fn request(number: usize) -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    let properties = format!(r#"{{"amount":{number},"to":"DE89370400440532013000"}}"#);
    let properties = Json::parse(&properties).expect("it is JSON");
    Request {
        subject: entity("agent", "shop"),
        action: Action { name: "pay".into(), properties },
        resource: entity("account", "main"),
        context: Json::empty_object(),
    }
}
