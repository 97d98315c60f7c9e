//! `execution`: the id, the tenant and the time of the decision.

use crate::bindings::writ::host::{execution, types};
use crate::state::State;

impl types::Host for State {}

impl execution::Host for State {
    fn id(&mut self) -> wasmtime::Result<String> {
        self.meter.call(0)?;
        self.meter.answer(self.execution.id.len())?;
        Ok(self.execution.id.clone())
    }

    fn tenant(&mut self) -> wasmtime::Result<String> {
        self.meter.call(0)?;
        let tenant = self.execution.tenant.as_str();
        self.meter.answer(tenant.len())?;
        Ok(tenant.to_owned())
    }

    fn received_at(&mut self) -> wasmtime::Result<u64> {
        self.meter.call(0)?;
        Ok(self.execution.received_at_ms)
    }
}
