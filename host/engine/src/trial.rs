//! A component run once, outside of serving: `describe` and `configure` under the limits of
//! loading, with every import a trap, and the state that they leave read back.

use std::ops::Deref;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Component, Instance, InstancePre, Lift, Linker, WasmList};
use wasmtime::{Config, Engine, Store, Trap};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};
use writ_core::limits::MEMORY_BYTES_CEILING;
use writ_core::{FaultCode, Limits, LoadLimits};

use crate::bindings::PolicyGuest;
use crate::config::TABLE_ELEMENTS_MAX;
use crate::limiter::Limiter;
use crate::load_error::LoadError;
use crate::report::{Description, shown};
use crate::runtime::TICK;

/// Texts that a guest may hand out while it is loaded, in bytes: a schema, an error.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Fuel and ticks for reading the state of an instance back: more than it can need.
const UNLIMITED: u64 = 1 << 62;

/// An engine whose epochs tick for as long as it lives.
pub(crate) struct Ticking(Engine);

impl Ticking {
    pub(crate) fn start(config: &Config) -> wasmtime::Result<Self> {
        let engine = Engine::new(config)?;
        let weak = engine.weak();
        std::thread::Builder::new()
            .name("writ-epoch".into())
            .spawn(move || {
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::park_timeout(TICK);
                }
            })
            .map_err(wasmtime::Error::new)?;
        Ok(Self(engine))
    }
}

impl Deref for Ticking {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.0
    }
}

/// A component on trial.
pub(crate) struct Trial<'a> {
    engine: &'a Engine,
    pre: InstancePre<Limiter>,
    limits: &'a LoadLimits,
}

/// An instance that took its settings.
pub(crate) struct Configured {
    store: Store<Limiter>,
    instance: Instance,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        component: &Component,
        limits: &'a LoadLimits,
    ) -> Result<Self, LoadError> {
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(component).map_err(LoadError::link)?;
        let pre = linker.instantiate_pre(component).map_err(LoadError::link)?;
        Ok(Self { engine, pre, limits })
    }

    /// What the policy says of itself, on an instance of its own.
    pub(crate) fn describe(&self) -> Result<Description, LoadError> {
        let mut store = self.store();
        let described = self
            .instantiate(&mut store)
            .and_then(|(guest, _)| at_once(guest.writ_host_policy().call_describe(&mut store)));
        let said = described.map_err(|error| match ended(&error, &store) {
            None => LoadError::link(error),
            Some((code, text)) => LoadError::DescribeFailed { code, text },
        })?;
        Description::checked(&said.name, said.version, said.summary, &said.settings_schema)
    }

    /// A fresh instance, configured.
    pub(crate) fn configure(&self, settings: &str) -> Result<Configured, LoadError> {
        let mut store = self.store();
        let configured = self.instantiate(&mut store).and_then(|(guest, instance)| {
            let result = at_once(guest.writ_host_policy().call_configure(&mut store, settings))?;
            Ok((result, instance))
        });
        match configured {
            Ok((Ok(()), instance)) => Ok(Configured { store, instance }),
            Ok((Err(text), _)) => {
                let (code, text) = (FaultCode::GuestError, shown(&text));
                Err(LoadError::ConfigureFailed { code, text })
            }
            Err(error) => Err(match ended(&error, &store) {
                None => LoadError::link(error),
                Some((code, text)) => LoadError::ConfigureFailed { code, text },
            }),
        }
    }

    fn instantiate(&self, store: &mut Store<Limiter>) -> wasmtime::Result<(PolicyGuest, Instance)> {
        let instance = at_once(self.pre.instantiate_async(&mut *store))?;
        Ok((PolicyGuest::new(store, &instance)?, instance))
    }

    fn store(&self) -> Store<Limiter> {
        let limits = Limits {
            memory_bytes_max: MEMORY_BYTES_CEILING,
            table_elements_max: TABLE_ELEMENTS_MAX,
            ..Limits::default()
        };
        let mut store = Store::new(self.engine, Limiter::new(&limits));
        store.limiter(|limiter| limiter);
        store.set_fuel(self.limits.configure_fuel).expect("fuel is on in every engine");
        let ticks = u128::from(self.limits.configure_deadline_ms) / TICK.as_millis();
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(UNLIMITED));
        store.set_hostcall_fuel(ANSWER_BYTES_MAX);
        store.set_max_component_handles(limits.handles_max);
        store
    }
}

/// How a call ended that gave no answer; none where the guest is not to blame for it.
fn ended(error: &wasmtime::Error, store: &Store<Limiter>) -> Option<(FaultCode, String)> {
    let text = format!("{error:#}");
    if let Some(import) = text.split("unknown import: `").nth(1).and_then(|t| t.split('`').next()) {
        let text = format!("it calls the import `{}`, and may call none", shown(import));
        return Some((FaultCode::Trap, text));
    }
    let (code, text) = match (error.downcast_ref::<Trap>(), store.data().refused()) {
        (Some(Trap::OutOfFuel), _) => {
            (FaultCode::OutOfFuel, "it burnt all its fuel (`configure-fuel`)")
        }
        (Some(Trap::Interrupt), _) => (
            FaultCode::DeadlineExceeded,
            "it ran longer than its deadline (`configure-deadline-ms`)",
        ),
        (Some(Trap::StackOverflow), _) => (FaultCode::StackOverflow, "its stack is full"),
        (_, Some(FaultCode::TableLimit)) => (FaultCode::TableLimit, "its tables are full"),
        (_, Some(_)) => (FaultCode::MemoryLimit, "it wanted more memory than its limit"),
        (Some(_), None) => (FaultCode::Trap, "it trapped"),
        (None, None) if text.contains("fuel allocated for hostcalls") => {
            (FaultCode::ResultTooLarge, "its answer is larger than its limit")
        }
        (None, None) => return None,
    };
    Some((code, text.to_owned()))
}

/// Runs a future that waits for nothing: the guest has no import that could wait.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("every import of a guest on trial is a trap"),
    }
}

impl Configured {
    /// The component again, with the state of this instance as its initial state.
    pub(crate) fn snapshot(
        &mut self,
        wizer: &Wizer,
        context: &ComponentContext<'_>,
    ) -> wasmtime::Result<Vec<u8>> {
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
