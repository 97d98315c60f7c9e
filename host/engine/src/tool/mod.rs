//! A tool that is ready to be called: compiled code, grants and limits, as one value.

mod state;
mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;
use writ_core::ports::Namespace;
use writ_core::{Digest, Fault, FaultCode, Json, Limits, ToolHost, ToolLimits, tool};

use crate::bindings::tool::ToolGuestPre;
use crate::fault;
use crate::image::Execution;
use crate::link::{self, Grants, Kind};
use crate::load::Compiled;
use crate::load_error::LoadError;
use crate::report::ToolDescription;
use crate::runtime::Inner;
use state::Dropped;
pub(crate) use state::ToolState;

/// A tool, ready to be called any number of times at once.
pub struct Tool {
    engine: Arc<Inner>,
    compiled: Arc<Compiled>,
    description: ToolDescription,
    pre: ToolGuestPre<ToolState>,
    limits: ToolLimits,
    of_guest: Arc<Limits>,
}

/// One call: what is done, in whose name, and who answers what the tool asks.
pub struct ToolCall<'a> {
    /// What `execution` tells the tool. Its clock comes from here too.
    pub execution: &'a Arc<Execution>,
    /// What its random comes from: the same for every run of one call, and known to nobody else.
    pub seed: [u8; 32],
    /// In whose name it logs.
    pub namespace: &'a Arc<Namespace>,
    /// Its arguments, which satisfy its input schema.
    pub arguments: &'a Json,
    /// Who answers.
    pub host: Arc<dyn ToolHost>,
}

/// What a call gave, and what it cost.
#[derive(Debug)]
pub struct Called {
    /// How it ended.
    pub ended: Ended,
    /// Fuel burnt, host calls included.
    pub fuel: u64,
    /// Wall-clock time.
    pub duration: Duration,
    /// Number of host calls.
    pub host_calls: u64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With a result.
    Returned(Json),
    /// With the tool's own error, cut to what callers read of it.
    Failed(String),
    /// With a fault.
    Faulted(Fault),
    /// Its host dropped it: it is to begin again, or has begun already.
    Dropped,
}

impl Tool {
    pub(crate) fn new(
        engine: &Arc<Inner>,
        compiled: Arc<Compiled>,
        grants: Grants,
        limits: &ToolLimits,
    ) -> Result<Self, LoadError> {
        let other = LoadError::OtherKind { found: Kind::Policy, wanted: Kind::Tool };
        let description = compiled.tool().cloned().ok_or(other)?;
        for import in &compiled.imports {
            if let Some(grant) = grants.lacking(import) {
                let (import, grant) = (import.clone(), grant.to_owned());
                return Err(LoadError::ImportNotGranted { import, grant });
            }
        }
        let pre = link::tool_linker(&engine.wasmtime, grants)
            .and_then(|linker| linker.instantiate_pre(&compiled.component))
            .and_then(ToolGuestPre::new)
            .map_err(LoadError::link)?;
        let of_guest = Arc::new(limits.of_guest());
        let (engine, limits) = (engine.clone(), limits.clone());
        Ok(Self { engine, compiled, description, pre, limits, of_guest })
    }

    /// Digest of the component's bytes.
    pub fn component_digest(&self) -> Digest {
        self.compiled.component_digest
    }

    /// What the tool says of itself.
    pub fn description(&self) -> &ToolDescription {
        &self.description
    }

    /// The interfaces that the component imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.compiled.imports
    }

    /// The limits that every call runs under.
    pub fn limits(&self) -> &ToolLimits {
        &self.limits
    }

    /// Calls the tool on a fresh instance. Never fails: what goes wrong is how it ended. A caller may
    /// drop the future at any time, and the instance with it.
    pub async fn call(&self, call: ToolCall<'_>) -> Called {
        let start = Instant::now();
        let bytes = call.arguments.as_str().len();
        if bytes > self.limits.argument_bytes_max {
            let max = self.limits.argument_bytes_max;
            let text = format!("the arguments have {bytes} bytes, the tool takes {max}");
            return Called::refused(Fault::new(FaultCode::ArgumentTooLarge, text), start);
        }
        let _awake = self.engine.ticker.run();
        let mut store = match state::store(&self.engine.wasmtime, &call, &self.of_guest) {
            Ok(store) => store,
            Err(error) => {
                let fault = Fault::new(FaultCode::Internal, "the host failed");
                return Called::refused(fault.with_detail(format!("{error:?}")), start);
            }
        };
        let ended = self.in_time(&mut store, call.arguments).await;
        let left = store.get_fuel().expect("fuel is on in every engine");
        Called {
            ended,
            fuel: self.limits.fuel.saturating_sub(left),
            duration: start.elapsed(),
            host_calls: store.data().guard.meter.calls(),
        }
    }

    async fn in_time(&self, store: &mut Store<ToolState>, arguments: &Json) -> Ended {
        let timeout = Duration::from_millis(self.limits.timeout_ms);
        let watch = store.data().watch.clone();
        let result = tokio::select! {
            result = self.enter(store, arguments) => result,
            () = watch.after(timeout) => {
                let text = "the tool took longer than its time-out";
                return Ended::Faulted(Fault::new(FaultCode::Timeout, text));
            }
        };
        match result {
            Ok(answer) => self.checked(answer),
            Err(error) if error.is::<Dropped>() => Ended::Dropped,
            Err(error) => {
                let left = store.get_fuel().expect("fuel is on in every engine");
                Ended::Faulted(fault::from_error(&error, &store.data().guard, left))
            }
        }
    }

    async fn enter(
        &self,
        store: &mut Store<ToolState>,
        arguments: &Json,
    ) -> wasmtime::Result<Result<String, String>> {
        let guest = self.pre.instantiate_async(&mut *store).await?;
        guest.writ_host_tool().call_call(&mut *store, arguments.as_str()).await
    }

    /// What a guest answers is untrusted: its size is checked before its JSON is parsed.
    fn checked(&self, answer: Result<String, String>) -> Ended {
        let text = match answer {
            Ok(text) => text,
            Err(text) => return Ended::Failed(text.chars().take(tool::ERROR_CHARS_MAX).collect()),
        };
        let (bytes, max) = (text.len(), self.limits.result_bytes_max);
        if bytes > max {
            let text = format!("the tool's result has {bytes} bytes, may have {max}");
            return Ended::Faulted(Fault::new(FaultCode::ResultTooLarge, text));
        }
        match Json::parse(&text) {
            Ok(result) => Ended::Returned(result),
            Err(error) => {
                let fault = Fault::new(FaultCode::ResultInvalid, "the tool's result is no JSON");
                Ended::Faulted(fault.with_detail(error.to_string()))
            }
        }
    }
}

impl Called {
    fn refused(fault: Fault, start: Instant) -> Self {
        let duration = start.elapsed();
        Self { ended: Ended::Faulted(fault), fuel: 0, duration, host_calls: 0 }
    }
}
