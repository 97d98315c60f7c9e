//! What every bench of the engine needs: an engine, a request, and a store to read from.
#![allow(dead_code)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Window};
use writ_core::{Action, Approval, Digest, Entity, Fault, Json, Limits, Request};
use writ_engine::{Call, CompilerCommand, Engine, EngineConfig, Evaluation, Execution, Image};
use writ_testkit::guests;

/// The argument that makes a bench compile in place of measuring.
const COMPILE: &str = "__compile";

/// Whether this process was started by the engine, to compile.
pub(crate) fn is_compile_child() -> bool {
    std::env::args().nth(1).as_deref() == Some(COMPILE)
}

/// A runtime as small as it can be, so that what is measured is not the runtime.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A runtime, an engine, and a request to evaluate.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Engine,
    pub(crate) request: Request,
    digest: Digest,
    execution: Arc<Execution>,
    namespace: Arc<Namespace>,
    storage: Arc<dyn StorageReader>,
    approvals: Arc<dyn ApprovalReader>,
}

impl Bench {
    /// An engine that remembers verdicts in so many bytes.
    pub(crate) fn new(memo_bytes_max: u64) -> Self {
        Self::make(memo_bytes_max, Memory::default())
    }

    /// An engine that remembers nothing, over a store that holds something.
    pub(crate) fn with_storage(storage: Memory) -> Self {
        Self::make(0, storage)
    }

    fn make(memo_bytes_max: u64, storage: Memory) -> Self {
        let compiler = CompilerCommand {
            program: std::env::current_exe().expect("a program knows itself"),
            args: vec![COMPILE.into()],
        };
        let config = EngineConfig { memo_bytes_max, ..EngineConfig::new(compiler) };
        let request = request();
        Self {
            runtime: runtime(),
            engine: Engine::new(config).expect("an engine"),
            digest: request.digest(),
            request,
            execution: Arc::new(Execution {
                id: "0197f0c0-0000-7000-8000-000000000000".into(),
                tenant: Default::default(),
                received_at_ms: Memory::NOW_MS,
                has_begun: false,
                sensitive: Arc::default(),
            }),
            namespace: Arc::new(Namespace {
                tenant: Default::default(),
                binding: "bench".parse().expect("a name"),
            }),
            storage: Arc::new(storage),
            approvals: Arc::new(Memory::default()),
        }
    }

    /// A starter policy under the default limits.
    pub(crate) fn image(&self, policy: &str, settings: &Value) -> Arc<Image> {
        self.load(&component(policy), settings, &Limits::default())
    }

    /// A component under some limits.
    pub(crate) fn load(&self, bytes: &[u8], settings: &Value, limits: &Limits) -> Arc<Image> {
        let settings = Json::from_value(settings).expect("settings are JSON");
        let image = self.runtime.block_on(self.engine.load(bytes, &settings, limits));
        image.unwrap_or_else(|error| panic!("the component does not load: {error}"))
    }

    /// One evaluation that must give a verdict.
    pub(crate) fn evaluate(&self, image: &Image) {
        let evaluation = self.ask(image);
        black_box(evaluation.result.expect("a starter policy decides"));
    }

    /// One evaluation that must end in a fault: which, and after what time.
    pub(crate) fn fault(&self, image: &Image) -> (Fault, Duration) {
        let evaluation = self.ask(image);
        let fault = evaluation.result.expect_err("a hostile guest gives no verdict");
        (fault, evaluation.duration)
    }

    fn ask(&self, image: &Image) -> Evaluation {
        let call = Call {
            request: &self.request,
            request_digest: &self.digest,
            execution: &self.execution,
            namespace: &self.namespace,
            storage: &self.storage,
            approvals: &self.approvals,
        };
        self.runtime.block_on(image.evaluate(call))
    }
}

/// A request with about 1 KiB of arguments.
pub(crate) fn request() -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    let arguments = json!({"path": "value-0000000000", "note": "x".repeat(900)});
    Request {
        subject: entity("agent", "agent-1"),
        action: Action {
            name: "read_file".into(),
            properties: Json::from_value(&arguments).expect("arguments are JSON"),
        },
        resource: entity("file", "report"),
        context: Json::empty_object(),
    }
}

/// A starter policy's component: the committed one, else the one that was built last.
pub(crate) fn component(policy: &str) -> Vec<u8> {
    match guests::dist_path(policy) {
        committed if committed.exists() => guests::dist_bytes(policy),
        _ => guests::bytes(policy),
    }
}

/// A guest that misbehaves.
pub(crate) fn hostile(name: &str) -> Vec<u8> {
    component(&format!("hostile/{name}"))
}

/// A store that holds the same under every key.
#[derive(Default)]
pub(crate) struct Memory {
    stored: Stored,
}

impl Memory {
    const NOW_MS: u64 = 1_750_000_000_000;

    /// A window of `rate-limit` with so many actions in it.
    pub(crate) fn holding(actions: u64) -> Self {
        let instants = (0..actions).map(|n| (Self::NOW_MS - 1_000 + n).to_string());
        let window = instants.collect::<Vec<_>>().join(" ").into_bytes();
        Self { stored: Stored { version: 1, value: Some(window), expires_at_ms: None } }
    }
}

impl StorageReader for Memory {
    fn read<'a>(&'a self, _: &'a Namespace, _: &'a str) -> PortFuture<'a, Stored> {
        Box::pin(async { Ok(self.stored.clone()) })
    }

    fn usage<'a>(&'a self, _: &'a Namespace) -> PortFuture<'a, Usage> {
        Box::pin(async { Ok(Usage::default()) })
    }

    fn list<'a>(&'a self, _: &'a Namespace, _: Page<'a>) -> PortFuture<'a, Listing> {
        Box::pin(async { Ok(Listing::default()) })
    }
}

impl ApprovalReader for Memory {
    fn recent<'a>(&'a self, _: &'a About, _: Window) -> PortFuture<'a, Vec<Approval>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
