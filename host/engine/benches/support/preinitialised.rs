//! A component with its settings already read: what Writ makes of it in its compiling process,
//! without Writ.

use wasmtime::component::{Component, Instance, Lift, Linker, WasmList};
use wasmtime::{Engine, Store};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::PolicyGuest;

/// The component as `configure(settings)` leaves it.
pub(crate) async fn preinitialised(component: &[u8], settings: &str) -> wasmtime::Result<Vec<u8>> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, instrumented) = wizer.instrument_component(component)?;
    let engine = Engine::default();
    let instrumented = Component::new(&engine, instrumented)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate_async(&mut store, &instrumented).await?;
    let guest = PolicyGuest::new(&mut store, &instance)?;
    let configured = guest.writ_host_policy().call_configure(&mut store, settings).await?;
    configured.map_err(wasmtime::Error::msg)?;
    wizer.snapshot_component(&context, &mut State { store, instance }).await
}

/// An instance whose state is read.
struct State {
    store: Store<()>,
    instance: Instance,
}

impl State {
    async fn call<R: Lift + 'static>(&mut self, instance: &str, function: &str) -> R {
        let (store, root) = (&mut self.store, self.instance);
        let missing = "the pre-initialiser exports what it reads";
        let (_, exports) = root.get_export(&mut *store, None, instance).expect(missing);
        let (_, index) = root.get_export(&mut *store, Some(&exports), function).expect(missing);
        let function = root.get_typed_func::<(), (R,)>(&mut *store, index).expect(missing);
        function.call_async(&mut *store, ()).await.expect("reading state does not trap").0
    }
}

impl ComponentInstanceState for State {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        function: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let list: WasmList<u8> = self.call(instance, function).await;
        contents(list.as_le_slice(&self.store));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, function: &str) -> i32 {
        self.call(instance, function).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, function: &str) -> i64 {
        self.call(instance, function).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, function: &str) -> u32 {
        self.call::<f32>(instance, function).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, function: &str) -> u64 {
        self.call::<f64>(instance, function).await.to_bits()
    }
}
