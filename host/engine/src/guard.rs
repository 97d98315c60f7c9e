//! What holds a running guest to its limits, whatever kind of guest it is.

use std::time::{Duration, Instant};

use wasmtime::{CallHook, Store, StoreContextMut, Trap, UpdateDeadline};
use writ_core::Limits;

use crate::fault::HostFault;
use crate::limiter::Limiter;
use crate::meter::Meter;

/// The limits of one guest, and what it has used of them.
pub(crate) struct Guard {
    pub(crate) limiter: Limiter,
    pub(crate) meter: Meter,
    deadline: Instant,
    /// When the guest last went into a host call, or came back into it: what it waits there is bounded
    /// by its time-out, and does not count against its deadline.
    left_guest_at: Instant,
    /// How many calls of the host are under way: a host call that has the guest make room for its
    /// answer has the ticks of that guest within it.
    calls_under_way: u32,
}

/// What is kept of a guest, its guard included.
pub(crate) trait Guarded: Send + 'static {
    fn guard(&mut self) -> &mut Guard;
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            limiter: Limiter::new(limits),
            meter: Meter::new(limits),
            deadline: now + Duration::from_millis(limits.deadline_ms),
            left_guest_at: now,
            calls_under_way: 0,
        }
    }

    /// The host computes or waits from now on.
    fn leave_guest(&mut self) {
        self.left_guest_at = Instant::now();
    }

    /// The guest computes again.
    fn enter_guest(&mut self) {
        self.deadline += self.left_guest_at.elapsed();
    }
}

/// A store with every limit set. `is_hooked` tells whether the guest can call the host at all.
pub(crate) fn store<S: Guarded>(
    engine: &wasmtime::Engine,
    state: S,
    limits: &Limits,
    is_hooked: bool,
) -> wasmtime::Result<Store<S>> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.guard().limiter);
    store.set_fuel(limits.fuel)?;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(at_each_tick);
    store.set_hostcall_fuel(limits.result_bytes_max.max(limits.host_call_bytes_max));
    store.set_max_component_handles(limits.handles_max);
    if is_hooked {
        store.call_hook(around_host_calls);
    }
    Ok(store)
}

/// A computing guest lets others run at each tick, and ends at its deadline.
fn at_each_tick<S: Guarded>(
    mut context: StoreContextMut<'_, S>,
) -> wasmtime::Result<UpdateDeadline> {
    match Instant::now() < context.data_mut().guard().deadline {
        true => Ok(UpdateDeadline::Yield(1)),
        false => Err(HostFault::deadline().into()),
    }
}

/// Follows a guest out to its host and back, and takes the fuel of its calls.
fn around_host_calls<S: Guarded>(
    mut context: StoreContextMut<'_, S>,
    hook: CallHook,
) -> wasmtime::Result<()> {
    let guard = context.data_mut().guard();
    match hook {
        CallHook::CallingHost => {
            guard.calls_under_way += 1;
            guard.leave_guest();
        }
        CallHook::ReturningFromHost => {
            guard.enter_guest();
            guard.calls_under_way = guard.calls_under_way.saturating_sub(1);
            return pay(context);
        }
        // Within a call the guest makes room for the answer. The tick that has passed since it left is found
        // there first: what it waited must have been added by then, and what it computes there counts.
        CallHook::CallingWasm if guard.calls_under_way > 0 => guard.enter_guest(),
        CallHook::ReturningFromWasm if guard.calls_under_way > 0 => guard.leave_guest(),
        CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
    }
    Ok(())
}

/// Takes the fuel of a host call that has ended, and ends the guest whose host calls went over a limit.
/// wasmtime itself charges no fuel for what the host does.
fn pay<S: Guarded>(mut context: StoreContextMut<'_, S>) -> wasmtime::Result<()> {
    let guard = context.data_mut().guard();
    // INVARIANT: fuel is a function of what the guest does. What is set at a tick within a call is
    // overwritten by the guest that goes on, and the call would cost nothing.
    if guard.calls_under_way > 0 {
        return Ok(());
    }
    let owed = guard.meter.leave()?;
    let mut left = context.get_fuel()?;
    if owed > 0 {
        let paid = left.checked_sub(owed);
        left = paid.unwrap_or(0);
        context.set_fuel(left)?;
        paid.ok_or(Trap::OutOfFuel)?;
    }
    context.data_mut().guard().meter.returned(left);
    Ok(())
}
