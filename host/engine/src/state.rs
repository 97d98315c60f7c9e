//! What the host keeps of one running evaluation. It is dropped with the instance.

use std::sync::Arc;

use wasmtime::Store;
use writ_core::{Limits, Sensitive};

use crate::capability::approval_history::ApprovalHistory;
use crate::capability::log::Log;
use crate::capability::storage::Storage;
use crate::capability::wasi::Wasi;
use crate::guard::{self, Guard, Guarded};
use crate::image::{Call, Execution};

/// State of one evaluation, one part a capability.
pub(crate) struct State {
    pub(crate) guard: Guard,
    pub(crate) execution: Arc<Execution>,
    pub(crate) storage: Storage,
    /// None where the component does not import it.
    pub(crate) approvals: Option<ApprovalHistory>,
    pub(crate) log: Log,
    pub(crate) wasi: Wasi,
}

impl Guarded for State {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// What a component imports, as far as an evaluation of it is made ready for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imports {
    /// No function: there are no host calls to watch.
    None,
    /// Functions, but not those of `approval-history`.
    Some,
    /// `approval-history` too: what the request is about is copied for it.
    Approvals,
}

impl Imports {
    /// Of these interfaces, which have their versions. Types alone offer no function.
    pub(crate) fn of(interfaces: &[String]) -> Self {
        let imports = |name: &str| interfaces.iter().any(|interface| interface.starts_with(name));
        let is_types = |interface: &String| interface.starts_with("writ:host/types@");
        if imports("writ:host/approval-history") {
            Self::Approvals
        } else if interfaces.iter().all(is_types) {
            Self::None
        } else {
            Self::Some
        }
    }
}

/// What every evaluation of an image has in common.
#[derive(Clone, Copy)]
pub(crate) struct OfGuest<'a> {
    pub(crate) limits: &'a Arc<Limits>,
    pub(crate) imports: Imports,
    pub(crate) sensitive: &'a Arc<Sensitive>,
}

/// A store of one evaluation, with every limit set: the only way to make one.
pub(crate) fn store(
    engine: &wasmtime::Engine,
    call: &Call<'_>,
    of_guest: OfGuest<'_>,
) -> wasmtime::Result<Store<State>> {
    let OfGuest { limits, imports, sensitive } = of_guest;
    let state = State {
        guard: Guard::new(limits),
        execution: call.execution.clone(),
        storage: Storage::new(call, limits),
        approvals: (imports == Imports::Approvals).then(|| ApprovalHistory::new(call)),
        log: Log::new(call.namespace.clone(), limits, sensitive.clone()),
        wasi: Wasi::new(*call.request_digest, call.execution.received_at_ms, limits),
    };
    guard::store(engine, state, limits, imports != Imports::None)
}
