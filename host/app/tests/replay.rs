//! What was decided is decided again from its record alone, to the same verdicts and the same fuel; and
//! what is not as it was is named.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use tempfile::TempDir;
use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, Overrides};
use writ::policy_set::{self, Snapshot};
use writ::service::replay::{Again, Difference, Unrepeatable};
use writ::service::{Meta, Recording, Records, Service};
use writ::telemetry::Metrics;
use writ_core::inquiry::Reply;
use writ_core::tool::Bytes;
use writ_core::{Action, Entity, Json, Request, Tenant};
use writ_engine::{CompilerCommand, Engine, EngineConfig, Order};
use writ_store::{Store, StoreConfig, StoredDecision};

/// How often the same may be done within an hour.
fn set(limit: u32) -> String {
    format!(
        "[[binding]]\nname = \"rate\"\nsource = \"builtin:rate-limit\"\n\
         settings = {{ limit = {limit}, window-seconds = 3600, on-within = \"allow\" }}\n"
    )
}

struct World {
    engine: Engine,
    store: Store,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_writ").into();
        let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
        let engine = EngineConfig { instances_max: 4, ..EngineConfig::new(compiler) };
        let store = Store::open(StoreConfig::new(directory.path().join("data"))).await.unwrap();
        Self { engine: Engine::new(engine).unwrap(), store, directory }
    }

    async fn snapshot(&self, toml: &str) -> (Config, Snapshot) {
        let root = Root::open(self.directory.path()).unwrap();
        let document = Document::new("writ.toml", toml);
        let config = Config::parse(document, root, &Overrides::default()).unwrap();
        let bytes_max = config.engine.load.component_bytes_max;
        let snapshot = policy_set::load(&self.engine, &config.policies, bytes_max).await.unwrap();
        (config, snapshot)
    }

    /// Decides the same so often, and returns what was stored.
    async fn decided(&self, times: usize, recording: Recording) -> (Snapshot, Vec<StoredDecision>) {
        let (config, snapshot) = self.snapshot(&set(2)).await;
        let records = Records::Durable(self.store.clone());
        let metrics = Arc::new(Metrics::new());
        let service = Service::new(snapshot.clone(), config.breaker, records, metrics);
        let service = service.recording(recording);
        let mut stored = Vec::with_capacity(times);
        for _ in 0..times {
            let answer = service.decide(&service.active(), request(), Meta::default()).await;
            let id = answer.unwrap().id;
            stored.push(self.store.decision(&Tenant::default(), &id).await.unwrap().unwrap());
        }
        (snapshot, stored)
    }
}

fn request() -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    Request {
        subject: entity("agent", "a1"),
        action: Action { name: "pay".into(), properties: Json::parse(r#"{"to":"é"}"#).unwrap() },
        resource: entity("account", "1"),
        context: Json::empty_object(),
    }
}

async fn again(snapshot: &Snapshot, recorded: &StoredDecision) -> Option<Difference> {
    let again = Again::decide(snapshot, &Tenant::default(), recorded, Order::Recorded).await;
    again.unwrap().difference(recorded)
}

#[tokio::test]
async fn what_was_decided_is_decided_again() {
    let world = World::new().await;
    let (snapshot, stored) = world.decided(4, Recording::Whole).await;
    let outcomes: Vec<_> = stored.iter().map(|decision| decision.outcome.as_str()).collect();
    assert_eq!(outcomes[..3], ["allowed", "allowed", "denied-by-policy"]);
    for recorded in &stored {
        let whole = recorded.whole.as_ref().unwrap();
        assert_eq!(whole.request.as_ref().unwrap().digest(), recorded.request_digest);
        assert!(!whole.policies[0].inquiries.is_empty());
        assert_eq!(again(&snapshot, recorded).await, None);
    }
}

#[tokio::test]
async fn another_answer_makes_another_decision() {
    let world = World::new().await;
    let (snapshot, mut stored) = world.decided(3, Recording::Whole).await;
    let mut denied = stored.pop().unwrap();
    let basis = &mut denied.whole.as_mut().unwrap().policies[0];
    let values = basis.inquiries.iter_mut().filter_map(|inquiry| match &mut inquiry.answered {
        Reply::Stored { value: Some(value), .. } => Some(value),
        _ => None,
    });
    values.for_each(|value| *value = Bytes(b"0".to_vec()));
    let difference = again(&snapshot, &denied).await;
    let is_told = matches!(
        difference,
        Some(Difference::Verdict { .. } | Difference::Departed { .. } | Difference::Fuel { .. })
    );
    assert!(is_told, "{difference:?}");
}

#[tokio::test]
async fn the_first_question_that_differs_is_named() {
    let world = World::new().await;
    let (snapshot, mut stored) = world.decided(1, Recording::Whole).await;
    let mut allowed = stored.pop().unwrap();
    allowed.whole.as_mut().unwrap().policies[0].inquiries.remove(0);
    let Some(Difference::Departed { binding, departure }) = again(&snapshot, &allowed).await else {
        panic!("nothing differs")
    };
    assert_eq!((binding.as_str(), departure.place), ("rate", 0));
}

#[tokio::test]
async fn a_candidate_decides_what_was_recorded() {
    let world = World::new().await;
    let (_, stored) = world.decided(2, Recording::Whole).await;
    let (_, stricter) = world.snapshot(&set(1)).await;
    let mut outcomes = Vec::new();
    for recorded in &stored {
        let again = Again::decide(&stricter, &Tenant::default(), recorded, Order::Any).await;
        let again = again.unwrap();
        assert_eq!(again.policies[0].departure, None);
        outcomes.push(again.outcome.code());
    }
    assert_eq!(outcomes, ["allowed", "denied-by-policy"]);
}

#[tokio::test]
async fn what_is_not_recorded_cannot_be_decided_again() {
    let world = World::new().await;
    let (snapshot, stored) = world.decided(1, Recording::Digest).await;
    let tenant = Tenant::default();
    let refused = Again::decide(&snapshot, &tenant, &stored[0], Order::Recorded).await;
    assert_eq!(refused.unwrap_err(), Unrepeatable::Request);
    assert_eq!(stored[0].whole, None);
}
