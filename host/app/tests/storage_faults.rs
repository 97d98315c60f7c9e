//! Deciding while others write the same storage, or while the store fails: what callers are then
//! answered. The service and its store are real; only the socket is left out.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use writ::access_request::Signers;
use writ::auth::{Authenticator, Draft, Keyring, Secret};
use writ::channels::Channels;
use writ::config::document::Document;
use writ::config::root::Root;
use writ::config::{Config, Fixed, Origin, Overrides};
use writ::http::{self, App, Guard, Parts, Serves};
use writ::lifecycle::Stage;
use writ::policy_set;
use writ::reload::{self, Begun, Reload};
use writ::service::ephemeral::Ephemeral;
use writ::service::{Executions, Records, Retention, Service};
use writ::telemetry::Metrics;
use writ_core::ports::{Namespace, Page};
use writ_core::{DecisionRecord, Digest, Ledger, Limits, Tenant};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_store::{Store, StoreConfig};
use writ_testkit::guests;

const RATE: &str = r#"
[[binding]]
name = "rate"
source = "builtin:rate-limit"
settings = { limit = 1000, window-seconds = 3600, on-within = "allow" }
"#;

/// A host without a socket.
struct Host {
    app: Arc<App>,
    router: Router,
    key: Secret,
    store: Store,
    _directory: TempDir,
}

/// A new store, and the directory around its own.
async fn open(change: impl FnOnce(&mut StoreConfig)) -> (Store, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = StoreConfig::new(directory.path().join("data"));
    change(&mut config);
    (Store::open(config).await.unwrap(), directory)
}

impl Host {
    async fn start(toml: &str, change: impl FnOnce(&mut StoreConfig)) -> Self {
        Self::on(open(change).await, toml).await
    }

    async fn on((store, directory): (Store, TempDir), toml: &str) -> Self {
        let wait = guests::bytes("hostile/wait-in-host-call");
        std::fs::write(directory.path().join("wait.wasm"), wait).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let document = Document::new("writ.toml", toml);
        let config = Config::parse(document, root, &Overrides::default()).unwrap();
        let (app, key) = app(&config, store.clone()).await;
        let app = Arc::new(app);
        app.lifecycle.advance(Stage::Serving);
        Self { router: http::router(app.clone()), app, key, store, _directory: directory }
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = http::answer(&self.app, &self.router, request).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn ask(&self) -> (u16, Value) {
        let question = json!({
            "subject": {"type": "agent", "id": "a1"},
            "action": {"name": "pay"},
            "resource": {"type": "account", "id": "1"},
        });
        let request = Request::post("/access/v1/evaluation")
            .header("Host", "localhost")
            .header("Authorization", format!("Bearer {}", self.key.expose()))
            .header("Content-Type", "application/json");
        self.send(request.body(question.to_string().into()).unwrap()).await
    }

    async fn ready(&self) -> (u16, Value) {
        let request = Request::get("/ready").header("Host", "localhost");
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

/// An app, and the key of its first caller.
async fn app(config: &Config, store: Store) -> (App, Secret) {
    let program = env!("CARGO_BIN_EXE_writ").into();
    let compiler = CompilerCommand { program, args: vec!["__compile".into()] };
    let engine = EngineConfig { instances_max: 4, ..EngineConfig::new(compiler) };
    let engine = Engine::new(engine).unwrap();
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(&engine, &config.policies, bytes_max).await.unwrap();
    let records = Records::Durable(store.clone());
    // Keys are kept elsewhere: what fails here is the storage of policies.
    let elsewhere = Records::Ephemeral(Ephemeral::default());
    let keys = Keyring::open(elsewhere, Tenant::default()).await.unwrap();
    let key = keys.create(Draft::of_first_key(), 0).await.unwrap().text;
    let auth = Authenticator::new(keys, None);
    let first = Begun::new(snapshot.clone());
    let metrics = Arc::new(Metrics::new());
    // A shadow that is asked with the others makes a round last as long as a test likes.
    let service = Service::telling_shadows(snapshot, config.breaker, records, metrics);
    let service = Arc::new(service);
    let channels = Channels::open(store.clone(), Tenant::default(), &[]).await.unwrap();
    let parts = reload::Parts {
        origin: Origin::default(),
        engine: engine.clone(),
        service: service.clone(),
        store: store.clone(),
        tenant: Tenant::default(),
        trust: Arc::default(),
        registries: Default::default(),
        leads: true,
    };
    let reload = Reload::new(parts, Fixed::of(config), first);
    let executions = Executions::new(service.clone(), store);
    let guard = Guard::new(config.server.listen, &[], &[]);
    let elsewhere = Records::Ephemeral(Ephemeral::default());
    let signers = Signers::open(elsewhere, Tenant::default(), None).await.unwrap();
    let body_bytes_max = 1 << 20;
    let parts = Parts {
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
    };
    (App::new(parts), key)
}

/// Another writer of what one binding stores.
struct Other {
    store: Store,
    namespace: Arc<Namespace>,
    key: String,
}

impl Other {
    /// Of the only key of the namespace.
    async fn of(store: &Store, binding: &str) -> Self {
        let binding = binding.parse().unwrap();
        let namespace = Arc::new(Namespace { tenant: Tenant::default(), binding });
        let page = Page { prefix: "", after: None, limit: 2, now_ms: 0 };
        let keys = store.reader().list(&namespace, page).await.unwrap().keys;
        let [key] = keys.as_slice() else { panic!("{keys:?}") };
        Self { store: store.clone(), namespace, key: key.clone() }
    }

    /// Writes what is there: the value stays, and its version does not.
    async fn touch(&self) {
        let reader = self.store.reader();
        let stored = reader.read(&self.namespace, &self.key).await.unwrap();
        let value = stored.value.clone().unwrap();
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn(&self.key, stored);
        ledger.learn_usage(reader.usage(&self.namespace).await.unwrap());
        ledger.set(&self.key, value, None).unwrap();
        let ledgers = vec![(self.namespace.clone(), ledger)];
        // Others read it from now on; its durability is of no interest here.
        drop(self.store.accept(record(), ledgers).await.unwrap());
    }
}

fn record() -> DecisionRecord {
    DecisionRecord {
        id: uuid::Uuid::now_v7().to_string(),
        tenant: Tenant::default(),
        received_at_ms: 0,
        request_id: None,
        trace_id: None,
        request_digest: Digest::of("request"),
        subject: ("agent".into(), "other".into()),
        action: "other".into(),
        resource: ("account".into(), "1".into()),
        policy_set: Digest::of("set"),
        outcome: "allowed",
        policies: Vec::new(),
        whole: None,
    }
}

/// A shadow that waits after `rate` has read and before the decision is committed.
const WAIT: &str = r#"
[breaker]
failures-max = 1000

[[binding]]
name = "wait"
source = "wait.wasm"
mode = "shadow"
limits = { timeout-ms = 50 }
"#;

#[tokio::test]
async fn a_decision_that_others_keep_overtaking_is_given_up_and_denied() {
    let host = Host::start(&format!("{RATE}{WAIT}"), |_| ()).await;
    assert_eq!(host.ask().await.1["decision"], true);
    let other = Other::of(&host.store, "rate").await;
    // From here on time passes only while everybody waits: in each round, the 50 ms of the shadow,
    // in which the other writes five times.
    tokio::time::pause();
    let writing = tokio::spawn(async move {
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            other.touch().await;
        }
    });
    let (status, answer) = host.ask().await;
    writing.abort();
    tokio::time::resume();
    assert_eq!((status, &answer["decision"]), (200, &json!(false)), "{answer}");
    assert_eq!(answer["context"]["code"], "denied-by-fault");
    assert_eq!(answer["context"]["policies"][0]["fault"], "storage-conflict");
    let reason = "policy `rate` gave no verdict: storage-conflict";
    assert_eq!(answer["context"]["reason"], reason);
    // All of the rounds were tried, and what was given up is on record.
    assert_eq!(host.app.service.metrics().storage_conflicts.get(), 16);
    let id = answer["context"]["decision_id"].as_str().unwrap();
    let stored = host.store.decision(&Tenant::default(), id).await.unwrap().unwrap();
    assert_eq!(stored.outcome, "denied-by-fault");
    // Left alone, the same question is decided.
    assert_eq!(host.ask().await.1["decision"], true);
}

#[tokio::test]
async fn a_decision_that_cannot_be_kept_is_not_given() {
    let host = Host::start(RATE, |store| store.file_bytes_max = 256 << 10).await;
    assert_eq!(host.ready().await.0, 200);
    let mut answers = 0;
    let problem = loop {
        let (status, answer) = host.ask().await;
        if status != 200 {
            assert_eq!(status, 503, "{answer}");
            break answer;
        }
        answers += 1;
        assert!(answers < 10_000, "the disk is never full");
    };
    assert!(answers > 0);
    assert_eq!(problem["type"], "urn:writ:problem:storage-unavailable", "{problem}");
    assert!(problem.get("decision").is_none(), "{problem}");
    let (status, health) = host.ready().await;
    assert_eq!(status, 503);
    assert_eq!(health["checks"][2], json!({"name": "store", "status": "fail"}));
}

#[tokio::test]
async fn a_policy_whose_storage_cannot_be_read_is_not_to_blame() {
    let (store, directory) = open(|_| ()).await;
    // The writer has the file open. Readers look for it when they first read, and nobody has yet:
    // the store's own tasks run once this one waits.
    let data = directory.path().join("data");
    std::fs::rename(data.join("writ.db"), data.join("elsewhere.db")).unwrap();
    let host = Host::on((store, directory), RATE).await;
    let (status, answer) = host.ask().await;
    assert_eq!((status, &answer["decision"]), (200, &json!(false)), "{answer}");
    assert_eq!(answer["context"]["code"], "denied-by-fault");
    assert_eq!(answer["context"]["policies"][0]["fault"], "storage-unavailable");
}
