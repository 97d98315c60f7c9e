//! What the host keeps of one running call of a tool. It is dropped with the instance.

use std::sync::Arc;

use wasmtime::Store;
use writ_core::tool::{Answer, Halt, HostCall};
use writ_core::{Digest, Limits, ToolHost};

use super::ToolCall;
use super::watch::Watch;
use crate::capability::log::Log;
use crate::capability::wasi::Wasi;
use crate::fault::HostFault;
use crate::guard::{self, Guard, Guarded};
use crate::image::Execution;

/// State of one call, one part a capability.
pub(crate) struct ToolState {
    pub(crate) guard: Guard,
    pub(crate) execution: Arc<Execution>,
    pub(crate) log: Log,
    pub(crate) wasi: Wasi,
    pub(crate) watch: Watch,
    host: Arc<dyn ToolHost>,
}

/// The host gives no answer, and does not want the call to go on.
#[derive(Debug, thiserror::Error)]
#[error("the host dropped the call")]
pub(super) struct Dropped;

impl Guarded for ToolState {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

impl ToolState {
    /// Asks the host. No answer ends the guest.
    pub(crate) async fn ask(&mut self, call: HostCall) -> wasmtime::Result<Answer> {
        self.host.answer(call).await.map_err(|halt| match halt {
            Halt::Dropped => Dropped.into(),
            Halt::Fault(fault) => HostFault(fault).into(),
        })
    }

    /// Whether the guest is only told again what it was told in an earlier run.
    pub(crate) fn has_logged_before(&self) -> bool {
        self.host.replays()
    }
}

/// A store of one call, with every limit set: the only way to make one.
pub(super) fn store(
    engine: &wasmtime::Engine,
    call: &ToolCall<'_>,
    limits: &Arc<Limits>,
) -> wasmtime::Result<Store<ToolState>> {
    let seed = Digest::from_bytes(call.seed);
    let state = ToolState {
        guard: Guard::new(limits),
        execution: call.execution.clone(),
        log: Log::new(call.namespace.clone(), limits, Arc::default()),
        wasi: Wasi::new(seed, call.execution.received_at_ms, limits),
        watch: Watch::default(),
        host: call.host.clone(),
    };
    guard::store(engine, state, limits, true)
}
