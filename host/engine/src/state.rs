//! What the host keeps of one running evaluation. It is dropped with the instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, StoreContextMut, Trap, UpdateDeadline};
use writ_core::Limits;

use crate::capability::approval_history::ApprovalHistory;
use crate::capability::log::Log;
use crate::capability::storage::Storage;
use crate::capability::wasi::Wasi;
use crate::fault::HostFault;
use crate::image::{Call, Execution};
use crate::limiter::Limiter;
use crate::meter::Meter;

/// State of one evaluation, one part a capability.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    pub(crate) meter: Meter,
    pub(crate) execution: Arc<Execution>,
    pub(crate) storage: Storage,
    /// None where the component does not import it.
    pub(crate) approvals: Option<ApprovalHistory>,
    pub(crate) log: Log,
    pub(crate) wasi: Wasi,
    deadline: Instant,
    /// When the guest last went into a host call: what it waits there is bounded by its time-out,
    /// and does not count against its deadline.
    left_guest_at: Instant,
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

/// A store with every limit set: the only way to make one.
pub(crate) fn store(
    engine: &wasmtime::Engine,
    call: &Call<'_>,
    limits: &Arc<Limits>,
    imports: Imports,
) -> wasmtime::Result<Store<State>> {
    let now = Instant::now();
    let state = State {
        limiter: Limiter::new(limits),
        meter: Meter::new(limits),
        execution: call.execution.clone(),
        storage: Storage::new(call, limits),
        approvals: (imports == Imports::Approvals).then(|| ApprovalHistory::new(call)),
        log: Log::new(call.namespace.clone(), limits),
        wasi: Wasi::new(call, limits),
        deadline: now + Duration::from_millis(limits.deadline_ms),
        left_guest_at: now,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(at_each_tick);
    store.set_hostcall_fuel(limits.result_bytes_max.max(limits.host_call_bytes_max));
    store.set_max_component_handles(limits.handles_max);
    if imports != Imports::None {
        store.call_hook(around_host_calls);
    }
    Ok(store)
}

/// A computing guest lets others run at each tick, and ends at its deadline.
fn at_each_tick(context: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    match Instant::now() < context.data().deadline {
        true => Ok(UpdateDeadline::Yield(1)),
        false => Err(HostFault::deadline().into()),
    }
}

/// Takes the fuel of host calls, and ends the guest whose host calls went over a limit. wasmtime
/// itself charges no fuel for what the host does.
fn around_host_calls(
    mut context: StoreContextMut<'_, State>,
    hook: CallHook,
) -> wasmtime::Result<()> {
    match hook {
        CallHook::CallingHost => {
            context.data_mut().left_guest_at = Instant::now();
        }
        CallHook::ReturningFromHost => {
            let state = context.data_mut();
            state.deadline += state.left_guest_at.elapsed();
            let owed = context.data_mut().meter.leave()?;
            let mut left = context.get_fuel()?;
            if owed > 0 {
                let paid = left.checked_sub(owed);
                left = paid.unwrap_or(0);
                context.set_fuel(left)?;
                paid.ok_or(Trap::OutOfFuel)?;
            }
            context.data_mut().meter.returned(left);
        }
        CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
    }
    Ok(())
}
