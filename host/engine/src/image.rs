//! A policy that is ready to be evaluated: compiled code, settings and limits, as one value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::Store;
use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::{
    Digest, Fault, FaultCode, Json, Ledger, Limits, PolicyDecision, Request, Sensitive, Tenant,
};

use crate::answer;
use crate::bindings::{PolicyGuest, PolicyGuestPre};
use crate::fault;
use crate::link::Kind;
use crate::load::Compiled;
use crate::load_error::LoadError;
use crate::memo::Remembered;
use crate::report::Description;
use crate::runtime::Inner;
use crate::state::{self, Imports, OfGuest, State};

/// A policy, ready to be evaluated any number of times at once.
pub struct Image {
    engine: Arc<Inner>,
    /// Unlike any other image of this process, so that remembered verdicts never mix.
    number: u64,
    digest: Digest,
    compiled: Arc<Compiled>,
    description: Description,
    pre: PolicyGuestPre<State>,
    settings: Json,
    settings_digest: Digest,
    /// Whether it can ask the store.
    inquires: bool,
    /// What must not be told of the settings.
    sensitive: Arc<Sensitive>,
    limits: Arc<Limits>,
    imports: Imports,
}

/// One evaluation: what is decided, and in whose name.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The request, as it was amended so far.
    pub request: &'a Request,
    /// Its digest.
    pub request_digest: &'a Digest,
    /// What `execution` tells the policy.
    pub execution: &'a Arc<Execution>,
    /// The policy's storage.
    pub namespace: &'a Arc<Namespace>,
    /// Where it is read from.
    pub storage: &'a Arc<dyn StorageReader>,
    /// Where earlier approvals are read from.
    pub approvals: &'a Arc<dyn ApprovalReader>,
}

/// What `execution` tells a policy.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The id of the decision.
    pub id: String,
    /// For whom it is decided.
    pub tenant: Tenant,
    /// When the request was received, or to begin where people had to agree, in milliseconds since the Unix
    /// epoch.
    pub received_at_ms: u64,
    /// Whether the action was allowed before, with what policies stored then.
    pub has_begun: bool,
    /// What must not be told of its arguments.
    pub sensitive: Arc<Sensitive>,
}

/// What one evaluation gave, and what it cost.
#[derive(Debug)]
pub struct Evaluation {
    /// The verdict, or why there is none.
    pub result: Result<PolicyDecision, Fault>,
    /// Fuel burnt, host calls included; that of the first evaluation where this one was remembered. Where
    /// it ended at its deadline: what it had burnt when it last called its host, since what it burns is
    /// counted by itself and told at its calls.
    pub fuel: u64,
    /// Wall-clock time.
    pub duration: Duration,
    /// Number of host calls.
    pub host_calls: u64,
    /// Linear memory at its largest, in bytes.
    pub memory_peak_bytes: usize,
    /// Whether the verdict was remembered from an equal request.
    pub memoised: bool,
    /// What was read and written; none where storage was not used, and after a fault.
    pub ledger: Option<Ledger>,
}

impl Image {
    pub(crate) fn new(
        engine: &Arc<Inner>,
        compiled: Arc<Compiled>,
        settings: &Json,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let other = LoadError::OtherKind { found: Kind::Tool, wanted: Kind::Policy };
        let description = compiled.policy().cloned().ok_or(other)?;
        let pre = engine
            .linker
            .instantiate_pre(&compiled.component)
            .and_then(PolicyGuestPre::new)
            .map_err(LoadError::link)?;
        Ok(Self {
            engine: engine.clone(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            digest: Self::digest_of(compiled.component_digest, settings, limits),
            imports: Imports::of(&compiled.imports),
            inquires: inquires(&compiled.imports),
            settings_digest: Digest::of(settings.as_str()),
            sensitive: Arc::new(description.sensitive(settings)),
            compiled,
            description,
            pre,
            settings: settings.clone(),
            limits: Arc::new(limits.clone()),
        })
    }

    /// The digest of an image of these, whether or not there is one.
    pub fn digest_of(component: Digest, settings: &Json, limits: &Limits) -> Digest {
        let limits = serde_json::to_vec(limits).expect("limits are plain numbers");
        Digest::of_parts([component.as_bytes(), settings.as_str().as_bytes(), &limits])
    }

    /// Digest of component, settings and limits: equal images give equal verdicts.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Digest of the component's bytes.
    pub fn component_digest(&self) -> Digest {
        self.compiled.component_digest
    }

    /// Digest of the settings' canonical JSON.
    pub fn settings_digest(&self) -> Digest {
        self.settings_digest
    }

    /// Whether an evaluation can ask the store, so that there is something to take down.
    pub fn inquires(&self) -> bool {
        self.inquires
    }

    /// What the policy says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What must not be told of the policy's settings.
    pub fn sensitive(&self) -> &Sensitive {
        &self.sensitive
    }

    /// The interfaces that the component imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.compiled.imports
    }

    /// Whether `configure` ran once, when the image was made, or runs on each fresh instance.
    pub fn preinitialised(&self) -> bool {
        self.compiled.preinitialised
    }

    /// The limits that every evaluation runs under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Evaluates one request on a fresh instance, or answers from memory where an equal request
    /// was evaluated without any host call. Never fails: what goes wrong is a fault in the result.
    pub async fn evaluate(&self, call: Call<'_>) -> Evaluation {
        let start = Instant::now();
        let bytes = call.request.bytes();
        if bytes > self.limits.argument_bytes_max {
            let text = format!(
                "the request has {bytes} bytes, the policy takes {}",
                self.limits.argument_bytes_max
            );
            return Evaluation::refused(Fault::new(FaultCode::ArgumentTooLarge, text), start);
        }
        if let Some(remembered) = self.engine.memo.get(self.number, call.request_digest) {
            return Evaluation::remembered(&remembered, start);
        }
        let evaluation = self.run(call, start).await;
        if let (0, Ok(decision)) = (evaluation.host_calls, &evaluation.result) {
            self.remember(call.request_digest, decision, &evaluation);
        }
        evaluation
    }

    fn remember(&self, request: &Digest, decision: &PolicyDecision, evaluation: &Evaluation) {
        let remembered = || Remembered {
            decision: decision.clone(),
            fuel: evaluation.fuel,
            memory_bytes: evaluation.memory_peak_bytes,
        };
        self.engine.memo.insert(self.number, request, remembered);
    }

    async fn run(&self, call: Call<'_>, start: Instant) -> Evaluation {
        let _awake = self.engine.ticker.run();
        let mut store = match state::store(&self.engine.wasmtime, &call, self.of_guest()) {
            Ok(store) => store,
            Err(error) => {
                let fault = Fault::new(FaultCode::Internal, "the host failed");
                return Evaluation::refused(fault.with_detail(format!("{error:?}")), start);
            }
        };
        let result = self.in_time(&mut store, call.request).await;
        let left = store.get_fuel().expect("fuel is on in every engine");
        let state = store.into_data();
        let result = match state.storage.has_failed() {
            true => result.map_err(fault::of_store),
            false => result,
        };
        Evaluation {
            fuel: self.limits.fuel.saturating_sub(left),
            duration: start.elapsed(),
            host_calls: state.guard.meter.calls(),
            memory_peak_bytes: state.guard.limiter.memory_bytes(),
            memoised: false,
            ledger: result.as_ref().ok().and_then(|_| state.storage.into_ledger()),
            result,
        }
    }

    fn of_guest(&self) -> OfGuest<'_> {
        OfGuest { limits: &self.limits, imports: self.imports, sensitive: &self.sensitive }
    }

    /// Bounds the time that the guest may wait in host calls. One that can call nothing cannot
    /// wait, and is ended by its deadline.
    async fn in_time(
        &self,
        store: &mut Store<State>,
        request: &Request,
    ) -> Result<PolicyDecision, Fault> {
        let result = match self.imports {
            Imports::None => Ok(self.enter(store, request).await),
            Imports::Some | Imports::Approvals => {
                let timeout = Duration::from_millis(self.limits.timeout_ms);
                tokio::time::timeout(timeout, self.enter(store, request)).await
            }
        };
        match result {
            Ok(Ok(decision)) => decision,
            Ok(Err(error)) => {
                let left = store.get_fuel().expect("fuel is on in every engine");
                Err(fault::from_error(&error, &store.data().guard, left))
            }
            Err(_elapsed) => {
                Err(Fault::new(FaultCode::Timeout, "the policy waited longer than its time-out"))
            }
        }
    }

    /// The part that the guest can make fail: a fresh instance, and the call.
    async fn enter(
        &self,
        store: &mut Store<State>,
        request: &Request,
    ) -> wasmtime::Result<Result<PolicyDecision, Fault>> {
        let guest = self.pre.instantiate_async(&mut *store).await?;
        if !self.compiled.preinitialised
            && let Err(fault) = self.configure(&guest, store).await?
        {
            return Ok(Err(fault));
        }
        let answer =
            guest.writ_host_policy().call_evaluate(&mut *store, answer::request(request)).await?;
        Ok(answer::decision(answer, self.limits.result_bytes_max))
    }

    async fn configure(
        &self,
        guest: &PolicyGuest,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<(), Fault>> {
        let settings = self.settings.as_str();
        let configured = guest.writ_host_policy().call_configure(store, settings).await?;
        Ok(configured.map_err(|text| {
            Fault::new(FaultCode::GuestError, "the policy refused its settings").with_detail(text)
        }))
    }
}

impl Evaluation {
    fn refused(fault: Fault, start: Instant) -> Self {
        Self {
            result: Err(fault),
            fuel: 0,
            duration: start.elapsed(),
            host_calls: 0,
            memory_peak_bytes: 0,
            memoised: false,
            ledger: None,
        }
    }

    fn remembered(remembered: &Remembered, start: Instant) -> Self {
        Self {
            result: Ok(remembered.decision.clone()),
            fuel: remembered.fuel,
            duration: start.elapsed(),
            host_calls: 0,
            memory_peak_bytes: remembered.memory_bytes,
            memoised: true,
            ledger: None,
        }
    }
}

/// Whether some interfaces, which have their versions, ask the store.
fn inquires(interfaces: &[String]) -> bool {
    let asks = ["writ:host/storage@", "writ:host/approval-history@"];
    interfaces.iter().any(|interface| asks.iter().any(|asks| interface.starts_with(asks)))
}
