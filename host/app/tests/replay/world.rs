//! A service in this process, with a store of its own.

use std::sync::Arc;

use tempfile::TempDir;
use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, Overrides};
use writ::policy_set::{self, Snapshot};
use writ::service::{Meta, Recording, Records, Service};
use writ::telemetry::Metrics;
use writ_core::{Action, Entity, Json, Request, Tenant};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_store::{Store, StoreConfig, StoredDecision};

/// How often the same may be done within an hour.
pub fn set(limit: u32) -> String {
    format!(
        "[[binding]]\nname = \"rate\"\nsource = \"builtin:rate-limit\"\n\
         limits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\n\
         settings = {{ limit = {limit}, window-seconds = 3600, on-within = \"allow\" }}\n"
    )
}

pub struct World {
    engine: Engine,
    pub store: Store,
    directory: TempDir,
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = env!("CARGO_BIN_EXE_writ").into();
        let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
        let engine = EngineConfig { instances_max: 4, ..EngineConfig::new(compiler) };
        let store = Store::open(StoreConfig::new(directory.path().join("data"))).await.unwrap();
        Self { engine: Engine::new(engine).unwrap(), store, directory }
    }

    pub async fn snapshot(&self, toml: &str) -> (Config, Snapshot) {
        let root = Root::open(self.directory.path()).unwrap();
        let document = Document::new("writ.toml", toml);
        let config = Config::parse(document, root, &Overrides::default()).unwrap();
        let bytes_max = config.engine.load.component_bytes_max;
        let snapshot = policy_set::load(&self.engine, &config.policies, bytes_max).await.unwrap();
        (config, snapshot)
    }

    /// Decides the same so often, and returns what was stored.
    pub async fn decided(
        &self,
        times: usize,
        recording: Recording,
    ) -> (Snapshot, Vec<StoredDecision>) {
        let (config, snapshot) = self.snapshot(&set(2)).await;
        let service = service(&config, &snapshot, Records::Durable(self.store.clone()));
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

pub fn service(config: &Config, snapshot: &Snapshot, records: Records) -> Service {
    Service::new(snapshot.clone(), config.breaker, records, Arc::new(Metrics::new()))
}

pub fn request() -> Request {
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
