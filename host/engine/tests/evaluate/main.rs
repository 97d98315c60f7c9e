//! Evaluating as a host sees it: the same verdict and the same fuel whatever the engine, and
//! remembering only what asked the host nothing. Guests are the starter policies as committed.
#![allow(missing_docs, clippy::unwrap_used)]

mod approvals;
mod faults;
#[path = "../load/guests.rs"]
#[allow(dead_code, reason = "shared with the tests of loading, which need more of it")]
mod guests;
mod waits;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{
    About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Unavailable, Window,
};
use writ_core::{Action, Approval, Entity, FaultCode, Json, Limits, Request, Tenant};
use writ_engine::{Call, CompilerCommand, Engine, EngineConfig, Evaluation, Execution, Image};

/// A store in which nothing is, or that does not answer.
struct Nothing {
    answers: bool,
}

impl Nothing {
    fn answer<'a, T: Send + Default + 'a>(&self) -> PortFuture<'a, T> {
        let answer = self.answers.then(T::default);
        Box::pin(async { answer.ok_or_else(|| Unavailable("away".into())) })
    }
}

impl StorageReader for Nothing {
    fn read<'a>(&'a self, _: &'a Namespace, _: &'a str) -> PortFuture<'a, Stored> {
        self.answer()
    }

    fn usage<'a>(&'a self, _: &'a Namespace) -> PortFuture<'a, Usage> {
        self.answer()
    }

    fn list<'a>(&'a self, _: &'a Namespace, _: Page<'a>) -> PortFuture<'a, Listing> {
        self.answer()
    }
}

impl ApprovalReader for Nothing {
    fn recent<'a>(&'a self, _: &'a About, _: Window) -> PortFuture<'a, Vec<Approval>> {
        self.answer()
    }
}

fn engine(change: impl FnOnce(&mut EngineConfig)) -> Engine {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_writ-compile"));
    let mut config = EngineConfig::new(CompilerCommand { program, args: vec![] });
    config.instances_max = 4;
    change(&mut config);
    Engine::new(config).unwrap()
}

async fn image(engine: &Engine, policy: &str, settings: Value, limits: &Limits) -> Arc<Image> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/dist");
    let component = std::fs::read(dist.join(policy).with_extension("wasm")).unwrap();
    let settings = Json::from_value(&settings).unwrap();
    engine.load(&component, &settings, limits).await.unwrap()
}

async fn tool_list(engine: &Engine) -> Arc<Image> {
    image(engine, "tool-list", json!({"allow": ["read_*"]}), &Limits::default()).await
}

async fn rate_limit(engine: &Engine) -> Arc<Image> {
    let settings = json!({"limit": 5, "window-seconds": 60});
    image(engine, "rate-limit", settings, &Limits::default()).await
}

fn request(note: &str) -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    Request {
        subject: entity("agent", "a1"),
        action: Action {
            name: "read_file".into(),
            properties: Json::from_value(&json!({"note": note})).unwrap(),
        },
        resource: entity("file", "f1"),
        context: Json::empty_object(),
    }
}

async fn evaluate(
    image: &Image,
    request: &Request,
    store: impl StorageReader + 'static,
) -> Evaluation {
    evaluate_with(image, request, store, ANSWERS).await
}

async fn evaluate_with(
    image: &Image,
    request: &Request,
    store: impl StorageReader + 'static,
    history: impl ApprovalReader + 'static,
) -> Evaluation {
    let tenant = Tenant::default();
    let namespace = Namespace { tenant: tenant.clone(), binding: "b".parse().unwrap() };
    let execution = Execution {
        id: "e1".into(),
        tenant,
        received_at_ms: NOW_MS,
        has_begun: false,
        sensitive: Arc::default(),
    };
    let storage: Arc<dyn StorageReader> = Arc::new(store);
    let approvals: Arc<dyn ApprovalReader> = Arc::new(history);
    let call = Call {
        request,
        request_digest: &request.digest(),
        execution: &Arc::new(execution),
        namespace: &Arc::new(namespace),
        storage: &storage,
        approvals: &approvals,
    };
    image.evaluate(call).await
}

const ANSWERS: Nothing = Nothing { answers: true };
/// When requests are received.
const NOW_MS: u64 = 10_000;

#[tokio::test]
async fn the_same_request_burns_the_same_fuel_on_any_engine() {
    let engines = [
        engine(|config| config.memo_bytes_max = 0),
        engine(|config| {
            config.memo_bytes_max = 0;
            config.instances_max = 64;
        }),
    ];
    let mut seen = Vec::new();
    for engine in &engines {
        for image in [tool_list(engine).await, rate_limit(engine).await] {
            for _ in 0..20 {
                let evaluation = evaluate(&image, &request("x"), ANSWERS).await;
                let decision = evaluation.result.unwrap();
                seen.push((image.digest(), evaluation.fuel, format!("{decision:?}")));
            }
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2, "one outcome a policy: {seen:?}");
}

#[tokio::test]
async fn what_asked_the_host_nothing_is_remembered_with_what_it_cost() {
    let engine = engine(|_| ());
    let image = tool_list(&engine).await;
    let first = evaluate(&image, &request("x"), ANSWERS).await;
    let second = evaluate(&image, &request("x"), ANSWERS).await;
    assert_eq!((first.memoised, second.memoised), (false, true));
    assert_eq!(first.result, second.result);
    assert_eq!(first.fuel, second.fuel);
    let other = evaluate(&image, &request("y"), ANSWERS).await;
    assert!(!other.memoised, "another request is another question");
    assert_eq!((engine.stats().memo_hits, engine.stats().memo_misses), (1, 2));
}

#[tokio::test]
async fn what_asked_the_host_is_asked_again() {
    let engine = engine(|_| ());
    let image = rate_limit(&engine).await;
    for _ in 0..2 {
        let evaluation = evaluate(&image, &request("x"), ANSWERS).await;
        assert!(!evaluation.memoised);
        assert!(evaluation.host_calls > 0);
        assert!(evaluation.ledger.unwrap().writes().count() > 0);
    }
}

#[tokio::test]
async fn remembering_can_be_switched_off() {
    let engine = engine(|config| config.memo_bytes_max = 0);
    let image = tool_list(&engine).await;
    for _ in 0..2 {
        assert!(!evaluate(&image, &request("x"), ANSWERS).await.memoised);
    }
}

#[tokio::test]
async fn a_fault_is_never_remembered() {
    let engine = engine(|_| ());
    let limits = Limits { fuel: 1_000, ..Limits::default() };
    let image = image(&engine, "tool-list", json!({"allow": ["read_*"]}), &limits).await;
    for _ in 0..2 {
        let evaluation = evaluate(&image, &request("x"), ANSWERS).await;
        assert_eq!(evaluation.result.unwrap_err().code, FaultCode::OutOfFuel);
        assert!(!evaluation.memoised);
    }
}

#[tokio::test]
async fn a_request_over_its_limit_is_the_callers_fault() {
    let engine = engine(|_| ());
    let image = tool_list(&engine).await;
    let large = request(&"x".repeat(image.limits().argument_bytes_max));
    let fault = evaluate(&image, &large, ANSWERS).await.result.unwrap_err();
    assert_eq!(fault.code, FaultCode::ArgumentTooLarge);
}

#[tokio::test]
async fn a_store_that_is_away_is_not_the_policys_fault() {
    let engine = engine(|_| ());
    let image = rate_limit(&engine).await;
    let evaluation = evaluate(&image, &request("x"), Nothing { answers: false }).await;
    let fault = evaluation.result.unwrap_err();
    assert_eq!(fault.code, FaultCode::StorageUnavailable);
    let detail = fault.detail().unwrap_or_default();
    assert!(detail.contains("storage is unavailable"), "the policy's own words: {detail}");
}

#[tokio::test]
async fn one_evaluation_too_many_is_the_fault_overloaded() {
    let engine = engine(|config| config.instances_max = 1);
    let image = rate_limit(&engine).await;
    let inner = held_while_another_runs(&image).await;
    assert_eq!(inner.result.unwrap_err().code, FaultCode::Overloaded);
    assert!(
        evaluate(&image, &request("x"), ANSWERS).await.result.is_ok(),
        "the slot is free again"
    );
}

/// What becomes of an evaluation that is asked for while another holds the only slot: the store of
/// the outer one asks for it while it is read.
async fn held_while_another_runs(image: &Arc<Image>) -> Evaluation {
    struct Nested(Arc<Image>, tokio::sync::mpsc::UnboundedSender<Evaluation>);

    impl StorageReader for Nested {
        fn read<'a>(&'a self, _: &'a Namespace, _: &'a str) -> PortFuture<'a, Stored> {
            Box::pin(async {
                let inner = Box::pin(evaluate(&self.0, &request("inner"), ANSWERS)).await;
                self.1.send(inner).map_err(|_| Unavailable("nobody waits".into()))?;
                Ok(Stored::ABSENT)
            })
        }

        fn usage<'a>(&'a self, _: &'a Namespace) -> PortFuture<'a, Usage> {
            Box::pin(async { Ok(Usage::default()) })
        }

        fn list<'a>(&'a self, _: &'a Namespace, _: Page<'a>) -> PortFuture<'a, Listing> {
            Box::pin(async { Ok(Listing::default()) })
        }
    }

    let (sender, mut inner) = tokio::sync::mpsc::unbounded_channel();
    let outer = evaluate(image, &request("outer"), Nested(image.clone(), sender)).await;
    outer.result.unwrap();
    inner.recv().await.unwrap()
}
