//! Counts host calls and the bytes that they move, and what they cost in fuel.

use writ_core::{FaultCode, Limits};

use crate::fault::HostFault;

/// Fuel of one host call, whatever it does: about what the host spends on it.
const FUEL_PER_CALL: u64 = 1_000;
/// Fuel of one byte that goes through a host call.
const FUEL_PER_BYTE: u64 = 1;

/// Host calls of one evaluation.
#[derive(Debug)]
pub(crate) struct Meter {
    calls_max: u64,
    bytes_max: usize,
    calls: u64,
    bytes: usize,
    owed: u64,
    fuel_at_return: Option<u64>,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls_max: limits.host_calls_max,
            bytes_max: limits.host_call_bytes_max,
            calls: 0,
            bytes: 0,
            owed: 0,
            fuel_at_return: None,
        }
    }

    /// Counts a host call that brings `bytes` from the guest. The first thing each host function
    /// does, before it has any effect.
    pub(crate) fn call(&mut self, bytes: usize) -> Result<(), HostFault> {
        self.calls += 1;
        self.owed += FUEL_PER_CALL;
        self.answer(bytes)
    }

    /// Counts bytes that a host call gives back to the guest.
    pub(crate) fn answer(&mut self, bytes: usize) -> Result<(), HostFault> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.owed = self.owed.saturating_add(bytes as u64 * FUEL_PER_BYTE);
        self.check()
    }

    /// Counts a call of WASI, which cannot be refused before it runs: it is at [`Meter::leave`].
    pub(crate) fn wasi_call(&mut self) {
        self.calls += 1;
        self.owed += FUEL_PER_CALL;
    }

    /// How many host calls there were. With none, the evaluation is a pure function of its request.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Keeps how much fuel was left when a host call returned, or failed.
    pub(crate) fn returned(&mut self, fuel_left: u64) {
        self.fuel_at_return = Some(fuel_left);
    }

    /// Whether a guest that ended with so much fuel has burnt none since its last host call: then
    /// it was the host call that failed.
    pub(crate) fn ended_in_host(&self, fuel_left: u64) -> bool {
        self.fuel_at_return == Some(fuel_left)
    }

    /// The fuel that is owed since the last host call.
    pub(crate) fn leave(&mut self) -> Result<u64, HostFault> {
        self.check()?;
        Ok(std::mem::take(&mut self.owed))
    }

    fn check(&self) -> Result<(), HostFault> {
        if self.calls > self.calls_max {
            let text = format!("the guest made more than {} host calls", self.calls_max);
            return Err(HostFault::new(FaultCode::HostCallLimit, text));
        }
        if self.bytes > self.bytes_max {
            let text = format!("the guest moved more than {} bytes by host calls", self.bytes_max);
            return Err(HostFault::new(FaultCode::HostCallBytesLimit, text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(calls: u64, bytes: usize) -> Meter {
        let limits =
            Limits { host_calls_max: calls, host_call_bytes_max: bytes, ..Limits::default() };
        Meter::new(&limits)
    }

    #[test]
    fn a_call_too_many_is_refused_before_it_has_an_effect() {
        let mut meter = meter(2, 100);
        assert!(meter.call(1).is_ok());
        assert!(meter.call(1).is_ok());
        assert_eq!(meter.call(1).unwrap_err().code(), FaultCode::HostCallLimit);
    }

    #[test]
    fn bytes_count_in_both_directions() {
        let mut meter = meter(10, 10);
        assert!(meter.call(5).is_ok());
        assert!(meter.answer(5).is_ok());
        assert_eq!(meter.answer(1).unwrap_err().code(), FaultCode::HostCallBytesLimit);
    }

    #[test]
    fn a_host_call_costs_fuel_once() {
        let mut meter = meter(10, 100);
        meter.call(7).unwrap();
        assert_eq!(meter.leave().unwrap(), 1_007);
        assert_eq!(meter.leave().unwrap(), 0);
    }

    #[test]
    fn wasi_calls_are_refused_when_they_return() {
        let mut meter = meter(1, 0);
        meter.wasi_call();
        assert!(meter.leave().is_ok());
        meter.wasi_call();
        assert_eq!(meter.leave().unwrap_err().code(), FaultCode::HostCallLimit);
    }
}
