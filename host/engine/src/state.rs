//! What the host keeps of one running evaluation. It is dropped with the instance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, StoreContextMut, Trap, UpdateDeadline};
use writ_core::Limits;

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
    pub(crate) log: Log,
    pub(crate) wasi: Wasi,
    deadline: Instant,
    /// When the guest last went into a host call: what it waits there is bounded by its time-out,
    /// and does not count against its deadline.
    left_guest_at: Instant,
}

/// Whether a component imports anything, and so whether its host calls must be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Imports {
    None,
    Some,
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
    if imports == Imports::Some {
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
