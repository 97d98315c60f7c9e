//! `execution`: what there is to know of the decision beside its request.

use crate::bindings::writ::host::{execution, types};
use crate::state::State;
use crate::tool::ToolState;

macro_rules! offer_to {
    ($state:ty) => {
        impl types::Host for $state {}

        impl execution::Host for $state {
            fn id(&mut self) -> wasmtime::Result<String> {
                self.guard.meter.call(0)?;
                self.guard.meter.answer(self.execution.id.len())?;
                Ok(self.execution.id.clone())
            }

            fn tenant(&mut self) -> wasmtime::Result<String> {
                self.guard.meter.call(0)?;
                let tenant = self.execution.tenant.as_str();
                self.guard.meter.answer(tenant.len())?;
                Ok(tenant.to_owned())
            }

            fn received_at(&mut self) -> wasmtime::Result<u64> {
                self.guard.meter.call(0)?;
                Ok(self.execution.received_at_ms)
            }

            fn has_begun(&mut self) -> wasmtime::Result<bool> {
                self.guard.meter.call(0)?;
                Ok(self.execution.has_begun)
            }
        }
    };
}

offer_to!(State);
offer_to!(ToolState);
