//! The hot path without sockets and disk, run a given number of times, so that `cargo xtask bench`
//! can count its instructions under valgrind: they hardly change from run to run, as times do.
//!
//! `instructions CASE COUNT [VALGRIND]`. What is counted is the difference of two runs, so that
//! setting up does not count. Code that is compiled outside of valgrind does not run inside, where
//! the processor has fewer features: so the compiler is run by VALGRIND, too, and its code kept.
#![allow(missing_docs)]

#[path = "support/question.rs"]
mod question;
#[path = "support/sets.rs"]
mod sets;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use cap_std::fs::Dir;
use http_body_util::BodyExt;
use question::{Question, Template};
use sets::Set;
use writ::access_request::Signers;
use writ::auth::{Authenticator, Draft, Keyring, Secret};
use writ::channels::Channels;
use writ::config::{Config, Fixed, Origin, Overrides};
use writ::http::{self, App, Guard, Parts, Serves};
use writ::reload::{self, Begun, Reload};
use writ::service::ephemeral::Ephemeral;
use writ::service::{Executions, Records, Retention, Service};
use writ::telemetry::Metrics;
use writ_core::{LoadLimits, Tenant};
use writ_engine::{CompilerCommand, Engine, EngineConfig};
use writ_store::{Store, StoreConfig};

const COMPILE: &str = "__compile";
const EVALUATION: &str = "/access/v1/evaluation";
const EXECUTIONS: &str = "/v1/executions";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (case, count, valgrind) = match arguments.as_slice() {
        [compile, ..] if compile == COMPILE => return writ_engine::run_compile_child(),
        [case, count] => (case, count, None),
        [case, count, valgrind] => (case, count, Some(valgrind.as_str())),
        _ => panic!("usage: instructions CASE COUNT [VALGRIND]"),
    };
    let (set, question, route) = match case.as_str() {
        "remembered" => (sets::one(), Question::Same, EVALUATION),
        "evaluated" => (sets::one(), Question::Varying, EVALUATION),
        "set-of-three" => (sets::three(), Question::Varying, EVALUATION),
        "created" => (sets::one(), Question::Varying, EXECUTIONS),
        _ => panic!("there is no case `{case}`"),
    };
    let count = count.parse().expect("a number");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let host = Host::new(&set, valgrind).await;
        for turn in 0..count {
            host.ask(route, question, turn).await;
        }
    });
    ExitCode::SUCCESS
}

/// Everything that answers requests, but for sockets and disk.
struct Host {
    app: Arc<App>,
    router: Router,
    key: Secret,
    template: Template,
    _directory: tempfile::TempDir,
}

impl Host {
    async fn new(set: &Set, valgrind: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        set.write(directory.path());
        let config = config(directory.path());
        let engine = engine(valgrind);
        let bytes_max = config.engine.load.component_bytes_max;
        let snapshot = writ::policy_set::load(&engine, &config.policies, bytes_max).await;
        let snapshot = snapshot.expect("the policy set loads");
        let records = Records::Ephemeral(Ephemeral::default());
        let keys = Keyring::open(records.clone(), Tenant::default()).await.expect("no key yet");
        let key = keys.create(Draft::of_first_key(), 0).await.expect("a key can be made").text;
        let auth = Authenticator::new(keys, None);
        let first = Begun::new(snapshot.clone());
        let service = Service::new(snapshot, config.breaker, records, Arc::new(Metrics::new()));
        let service = Arc::new(service);
        let store = Store::open(StoreConfig::new(directory.path())).await.expect("a store");
        let channels = Channels::open(store.clone(), Tenant::default(), &[])
            .await
            .expect("no channel to open");
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
        let reload = Reload::new(parts, Fixed::of(&config), first);
        let executions = Executions::new(service.clone(), store);
        let guard = Guard::new(config.server.listen, &[], &[]);
        let body_bytes_max = config.server.body_bytes_max;
        let elsewhere = Records::Ephemeral(Ephemeral::default());
        let signers = Signers::open(elsewhere, Tenant::default(), None).await.expect("a key");
        let app = App::new(Parts {
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
        });
        let app = Arc::new(app);
        let router = http::router(app.clone());
        Self { app, router, key, template: Template::new(0, "read_file"), _directory: directory }
    }

    async fn ask(&self, route: &str, question: Question, turn: u64) {
        let mut body = self.template.clone();
        if let Question::Varying = question {
            body.vary(turn);
        }
        let request = Request::post(route)
            .header("Host", "127.0.0.1:8181")
            .header("Authorization", format!("Bearer {}", self.key.expose()))
            .header("Content-Type", "application/json")
            .body(Body::from(Bytes::from(body.into_bytes())))
            .expect("a request");
        let response = http::answer(&self.app, &self.router, request).await;
        assert!(response.status().is_success(), "{}", response.status());
        response.into_body().collect().await.expect("the answer is whole");
    }
}

/// An engine of few instances, because valgrind has little address space to give.
fn engine(valgrind: Option<&str>) -> Engine {
    let program = std::env::current_exe().expect("a program knows itself");
    let compiler = match valgrind {
        None => CompilerCommand { program, args: vec![COMPILE.into()] },
        // The process lowers how many files it may open, which valgrind refuses it: so it begins
        // with as few as it wants.
        Some(valgrind) => CompilerCommand {
            program: "/bin/sh".into(),
            args: vec![
                "-c".into(),
                r#"ulimit -n 64 && exec "$0" --tool=none --quiet "$@""#.into(),
                valgrind.into(),
                program.into(),
                COMPILE.into(),
            ],
        },
    };
    let load = LoadLimits { compile_memory_bytes_max: 64 << 30, ..LoadLimits::default() };
    let cache = valgrind.map(|_| cache());
    let config = EngineConfig { instances_max: 2, load, cache, ..EngineConfig::new(compiler) };
    Engine::new(config).expect("an engine")
}

/// Where code is kept that runs under valgrind.
fn cache() -> Dir {
    let path = std::env::temp_dir().join("instructions-cache");
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    created.expect("a directory can be made");
    Dir::open_ambient_dir(path, cap_std::ambient_authority()).expect("it can be opened")
}

fn config(directory: &Path) -> Config {
    Config::load(&directory.join("writ.toml"), &Overrides::default()).expect("a configuration")
}
