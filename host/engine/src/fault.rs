//! From what wasmtime says to a stable fault code, in one place.

use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use writ_core::{Fault, FaultCode};

use crate::guard::Guard;

/// A fault that the host itself raised while the guest ran. It travels through wasmtime as an
/// error, and is found again by [`from_error`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HostFault(pub(crate) Fault);

impl HostFault {
    pub(crate) fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self(Fault::new(code, message))
    }

    pub(crate) fn deadline() -> Self {
        Self::new(FaultCode::DeadlineExceeded, "the guest ran longer than its deadline")
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> FaultCode {
        self.0.code
    }
}

/// Names what went wrong in an evaluation that ended with so much fuel.
pub(crate) fn from_error(error: &wasmtime::Error, guard: &Guard, fuel_left: u64) -> Fault {
    if let Some(HostFault(fault)) = error.downcast_ref() {
        return fault.clone();
    }
    let (code, message) = match error.downcast_ref::<Trap>() {
        Some(trap) => from_trap(*trap, guard),
        None => from_text(error, guard, fuel_left),
    };
    Fault::new(code, message).with_detail(format!("{error:?}"))
}

/// Names what went wrong where the store had not answered: a policy that then gave up, in whatever
/// way, is not to blame.
pub(crate) fn of_store(fault: Fault) -> Fault {
    match fault.code {
        FaultCode::GuestError | FaultCode::Trap => {
            let text = "the store did not answer the policy";
            Fault::new(FaultCode::StorageUnavailable, text).with_detail(format!("{fault:?}"))
        }
        _ => fault,
    }
}

fn from_trap(trap: Trap, guard: &Guard) -> (FaultCode, &'static str) {
    match (trap, guard.limiter.refused()) {
        (Trap::OutOfFuel, _) => (FaultCode::OutOfFuel, "the guest burnt all its fuel"),
        (Trap::StackOverflow, _) => (FaultCode::StackOverflow, "the guest's stack is full"),
        (Trap::Interrupt, _) => {
            (FaultCode::DeadlineExceeded, "the guest ran longer than its deadline")
        }
        // A guest that gets no memory traps on its own account; the cause is the limit.
        (_, Some(FaultCode::TableLimit)) => (FaultCode::TableLimit, "the guest's tables are full"),
        (_, Some(_)) => (FaultCode::MemoryLimit, "the guest wanted more memory than its limit"),
        (_, None) => (FaultCode::Trap, "the guest trapped"),
    }
}

/// What [`ResourceTableError::Full`] says, where WASI has made another error of it.
const TABLE_FULL: &str = "resource table has no free keys";

/// wasmtime keeps the types of some of its errors to itself: those are told by their texts, which
/// `tests/evaluate/faults.rs` pins.
fn from_text(error: &wasmtime::Error, guard: &Guard, fuel_left: u64) -> (FaultCode, &'static str) {
    if error.is::<PoolConcurrencyLimitError>() {
        return (FaultCode::Overloaded, "the host has no free slot for another instance");
    }
    let handles = (FaultCode::HandleLimit, "the guest holds more handles than its limit");
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return handles;
    }
    let text = format!("{error:#}");
    if text.contains(TABLE_FULL) || text.contains("store handle limit exceeded") {
        return handles;
    }
    if text.contains("fuel allocated for hostcalls") {
        return match guard.meter.ended_in_host(fuel_left) {
            true => (
                FaultCode::HostCallBytesLimit,
                "the guest moved more bytes through a host call than its limit",
            ),
            false => (FaultCode::ResultTooLarge, "the guest's answer is larger than its limit"),
        };
    }
    match guard.limiter.refused() {
        Some(FaultCode::TableLimit) => {
            (FaultCode::TableLimit, "the guest wanted larger tables than its limit")
        }
        Some(_) => (FaultCode::MemoryLimit, "the guest wanted more memory than its limit"),
        None => (FaultCode::Trap, "the guest trapped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_of_resources_says_so_in_these_words() {
        assert_eq!(ResourceTableError::Full.to_string(), TABLE_FULL);
    }
}
