//! A component run once, outside of serving: `describe` and `configure` under the limits of
//! loading.
//!
//! Every import of the contract is a trap. WASI is there for languages whose runtime starts with
//! it, and empty as ever: the wall clock stands at 0 and random is seeded by the component.

use std::ops::Deref;
use std::time::Duration;

use tokio::runtime::Runtime;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store, Trap};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView, p2};
use writ_core::limits::MEMORY_BYTES_CEILING;
use writ_core::{Digest, FaultCode, Limits, LoadLimits, Sensitive};

use crate::bindings::PolicyGuest;
use crate::bindings::tool::ToolGuest;
use crate::capability::wasi;
use crate::config::TABLE_ELEMENTS_MAX;
use crate::limiter::Limiter;
use crate::load_error::{CompileLimit, LoadError};
use crate::platform;
use crate::report::{Description, ToolDescription, shown};
use crate::runtime::TICK;

/// Texts that a guest may hand out while it is loaded, in bytes: a schema, an error.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How much later a guest that waits is stopped than one that computes, which is told better.
const GRACE: Duration = Duration::from_millis(100);

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
    pre: InstancePre<OnTrial>,
    seed: Digest,
    limits: &'a LoadLimits,
    runtime: Runtime,
}

/// An instance that took its settings.
pub(crate) struct Configured {
    pub(crate) store: Store<OnTrial>,
    pub(crate) instance: Instance,
}

/// What is kept of a running instance.
pub(crate) struct OnTrial {
    limiter: Limiter,
    wasi: WasiCtx,
    pub(crate) handles: ResourceTable,
}

/// The guest called an import of the contract.
#[derive(Debug, thiserror::Error)]
#[error("it calls the import `{0}`, and may call none")]
struct Called(String);

/// The guest waits, in a clock of WASI.
#[derive(Debug, thiserror::Error)]
#[error("it waited longer than its deadline")]
struct Waited;

impl WasiView for OnTrial {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.handles }
    }
}

impl<'a> Trial<'a> {
    /// `seed` stands for the component, where it asks for random.
    pub(crate) fn new(
        engine: &'a Engine,
        component: &Component,
        seed: Digest,
        limits: &'a LoadLimits,
    ) -> Result<Self, LoadError> {
        let linker = linker(engine, component).map_err(LoadError::link)?;
        let pre = linker.instantiate_pre(component).map_err(LoadError::link)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime without threads and sockets needs nothing");
        Ok(Self { engine, pre, seed, limits, runtime })
    }

    /// What the policy says of itself, on an instance of its own.
    pub(crate) fn describe(&self) -> Result<Description, LoadError> {
        let mut store = self.store();
        let described = self.in_time(async {
            let (guest, _) = self.instantiate(&mut store).await?;
            guest.writ_host_policy().call_describe(&mut store).await
        });
        let said = described.map_err(|error| match ended(&error, &store) {
            None => unexplained(error),
            Some((code, text)) => LoadError::DescribeFailed { code, text },
        })?;
        Description::checked(&said.name, said.version, said.summary, &said.settings_schema)
    }

    /// What the tool says of itself, on an instance of its own.
    pub(crate) fn describe_tool(&self) -> Result<ToolDescription, LoadError> {
        let mut store = self.store();
        let described = self.in_time(async {
            let instance = self.pre.instantiate_async(&mut store).await?;
            let guest = ToolGuest::new(&mut store, &instance)?;
            guest.writ_host_tool().call_describe(&mut store).await
        });
        let said = described.map_err(|error| match ended(&error, &store) {
            None => unexplained(error),
            Some((code, text)) => LoadError::DescribeFailed { code, text },
        })?;
        let schemas = (said.input_schema.as_str(), said.output_schema.as_deref());
        ToolDescription::checked(&said.name, said.version, said.summary, schemas)
    }

    /// A fresh instance, configured. What a policy says of settings that it refuses is told without
    /// what is sensitive of them.
    pub(crate) fn configure(
        &self,
        settings: &str,
        sensitive: &Sensitive,
    ) -> Result<Configured, LoadError> {
        let mut store = self.store();
        let configured = self.in_time(async {
            let (guest, instance) = self.instantiate(&mut store).await?;
            let result = guest.writ_host_policy().call_configure(&mut store, settings).await?;
            Ok((result, instance))
        });
        match configured {
            Ok((Ok(()), instance)) => Ok(Configured { store, instance }),
            Ok((Err(text), _)) => {
                let (code, text) = (FaultCode::GuestError, shown(&sensitive.mask(&text)));
                Err(LoadError::ConfigureFailed { code, text })
            }
            Err(error) => Err(match ended(&error, &store) {
                None => unexplained(error),
                Some((code, text)) => LoadError::ConfigureFailed { code, text },
            }),
        }
    }

    async fn instantiate(
        &self,
        store: &mut Store<OnTrial>,
    ) -> wasmtime::Result<(PolicyGuest, Instance)> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        Ok((PolicyGuest::new(store, &instance)?, instance))
    }

    /// Bounds what epochs do not: the time that the guest waits.
    fn in_time<T>(&self, call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
        let time = Duration::from_millis(self.limits.configure_deadline_ms) + GRACE;
        self.runtime.block_on(async {
            match tokio::time::timeout(time, call).await {
                Ok(result) => result,
                Err(_elapsed) => Err(wasmtime::Error::new(Waited)),
            }
        })
    }

    fn store(&self) -> Store<OnTrial> {
        let limits = Limits {
            memory_bytes_max: MEMORY_BYTES_CEILING,
            table_elements_max: TABLE_ELEMENTS_MAX,
            ..Limits::default()
        };
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(limits.handles_max);
        let wasi = wasi::deny_all(&self.seed, 0);
        let state = OnTrial { limiter: Limiter::new(&limits), wasi, handles };
        let mut store = Store::new(self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(self.limits.configure_fuel).expect("fuel is on in every engine");
        let ticks = u128::from(self.limits.configure_deadline_ms) / TICK.as_millis();
        store.set_epoch_deadline(u64::try_from(ticks).expect("less than a limit of milliseconds"));
        store.set_hostcall_fuel(ANSWER_BYTES_MAX);
        store.set_max_component_handles(limits.handles_max);
        store
    }
}

/// Links WASI where it is imported, and a trap for every other function.
fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<OnTrial>> {
    let mut linker = Linker::new(engine);
    let ty = component.component_type();
    if ty.imports(engine).any(|(name, _)| name.starts_with("wasi:")) {
        p2::add_to_linker_async(&mut linker)?;
    }
    for (name, item) in ty.imports(engine).filter(|(name, _)| !name.starts_with("wasi:")) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        let mut instance = linker.instance(name)?;
        for (function, item) in interface.exports(engine) {
            if let ComponentItem::ComponentFunc(_) = item.ty {
                let called = format!("{name}#{function}");
                instance
                    .func_new(function, move |_, _, _, _| Err(Called(called.clone()).into()))?;
            }
        }
    }
    Ok(linker)
}

/// How a call ended that gave no answer; none where the guest is not to blame for it.
fn ended(error: &wasmtime::Error, store: &Store<OnTrial>) -> Option<(FaultCode, String)> {
    if let Some(called) = error.downcast_ref::<Called>() {
        return Some((FaultCode::Trap, shown(&called.to_string())));
    }
    if let Some(waited) = error.downcast_ref::<Waited>() {
        return Some((FaultCode::DeadlineExceeded, waited.to_string()));
    }
    let refused = store.data().limiter.refused();
    let (code, text) = match (error.downcast_ref::<Trap>(), refused) {
        (Some(Trap::OutOfFuel), _) => (FaultCode::OutOfFuel, "it burnt all its fuel"),
        (Some(Trap::Interrupt), _) => {
            (FaultCode::DeadlineExceeded, "it ran longer than its deadline")
        }
        (Some(Trap::StackOverflow), _) => (FaultCode::StackOverflow, "its stack is full"),
        (_, Some(FaultCode::TableLimit)) => (FaultCode::TableLimit, "its tables are full"),
        (_, Some(_)) => (FaultCode::MemoryLimit, "it wanted more memory than its limit"),
        (Some(_), None) => (FaultCode::Trap, "it trapped"),
        (None, None) if format!("{error:#}").contains("fuel allocated for hostcalls") => {
            (FaultCode::ResultTooLarge, "its answer is larger than its limit")
        }
        (None, None) if error.is::<wasmtime_wasi::I32Exit>() => {
            (FaultCode::Trap, "it ended itself (`wasi:cli/exit`)")
        }
        (None, None) => return None,
    };
    Some((code, text.to_owned()))
}

/// Neither a limit of the guest nor a trap: the component does not fit, or the process is full.
fn unexplained(error: wasmtime::Error) -> LoadError {
    let text = format!("{error:#}");
    match platform::is_out_of_memory(&text) {
        true => LoadError::CompileLimit { limit: CompileLimit::Memory, text },
        false => LoadError::link(error),
    }
}
