//! The state of a configured instance, read back into a component that starts with it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use crate::trial::Configured;

/// Fuel and ticks for reading the state of an instance back: more than it can need.
const UNLIMITED: u64 = 1 << 62;

impl Configured {
    /// The component again, with the state of this instance as its initial state.
    pub(crate) fn snapshot(
        &mut self,
        wizer: &Wizer,
        context: &ComponentContext<'_>,
    ) -> wasmtime::Result<Vec<u8>> {
        // A handle is a number in the guest and a thing in the host, and only the number would be
        // in the snapshot.
        if !self.store.data().handles.is_empty() {
            wasmtime::bail!("`configure` leaves open handles of WASI");
        }
        self.store.set_fuel(UNLIMITED)?;
        self.store.set_epoch_deadline(UNLIMITED);
        self.store.set_hostcall_fuel(usize::MAX);
        let mut reader = Reader { configured: self, failed: None };
        let snapshot = at_once(wizer.snapshot_component(context, &mut reader))?;
        reader.failed.map_or(Ok(snapshot), Err)
    }
}

/// Reads the state of an instance for the pre-initialiser, which takes no error for an answer:
/// the first one is kept, and the snapshot made after it is thrown away.
struct Reader<'a> {
    configured: &'a mut Configured,
    failed: Option<wasmtime::Error>,
}

impl Reader<'_> {
    fn call<R: Lift + Default + 'static>(&mut self, instance: &str, function: &str) -> R {
        self.try_call(instance, function).unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            R::default()
        })
    }

    fn try_call<R: Lift + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let Configured { store, instance: root } = &mut *self.configured;
        let missing = || wasmtime::format_err!("the instrumented component lacks `{function}`");
        let (_, exports) = root.get_export(&mut *store, None, instance).ok_or_else(missing)?;
        let (_, index) =
            root.get_export(&mut *store, Some(&exports), function).ok_or_else(missing)?;
        let function = root.get_typed_func::<(), (R,)>(&mut *store, index)?;
        Ok(at_once(function.call_async(&mut *store, ()))?.0)
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        // A memory that is already as large as it may be cannot be read: reading grows it.
        match self.try_call::<WasmList<u8>>(instance, func) {
            Ok(list) => contents(list.as_le_slice(&self.configured.store)),
            Err(error) => {
                self.failed.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func).to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func).to_bits()
    }
}

/// Runs a future that waits for nothing: what reads an instance back calls no import.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("reading an instance back calls no import"),
    }
}
