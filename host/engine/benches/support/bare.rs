//! The bare loop: wasmtime as it was found fastest, with the same limits as Writ sets, and nothing
//! of Writ.

#[path = "preinitialised.rs"]
mod preinitialised;

use std::hint::black_box;

use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    StoreLimits, StoreLimitsBuilder,
};
use writ_core::{Limits, Request};

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "policy-guest",
    imports: { default: trappable },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});

use exports::writ::host::policy as wit;
use writ::host::types::{Action, Entity};

/// Ticks after which a guest would be stopped. There is no ticker here: what a look at the epoch
/// costs is in the guest's code and paid all the same.
const EPOCHS: u64 = 1_000;

/// A pre-initialised component and the engine that runs it.
pub(crate) struct Bare {
    engine: Engine,
    pre: PolicyGuestPre<StoreLimits>,
    limits: Limits,
}

impl Bare {
    pub(crate) fn new(component: &[u8], settings: &str) -> Self {
        let engine = engine();
        let preinitialised = preinitialised::preinitialised(component, settings);
        let component = super::fixture::runtime().block_on(preinitialised).expect("a snapshot");
        let component = Component::new(&engine, component).expect("a component");
        let pre = Linker::new(&engine).instantiate_pre(&component).expect("nothing is imported");
        Self { engine, pre: PolicyGuestPre::new(pre).expect("a policy"), limits: Limits::default() }
    }

    /// A fresh instance, one call, and its answer thrown away.
    pub(crate) async fn evaluate(&self, request: &Request) {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.limits.memory_bytes_max)
            .table_elements(self.limits.table_elements_max)
            .build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(self.limits.fuel).expect("fuel is on");
        store.set_epoch_deadline(EPOCHS);
        store.set_hostcall_fuel(self.limits.host_call_bytes_max);
        store.set_max_component_handles(self.limits.handles_max);
        let guest = self.pre.instantiate_async(&mut store).await.expect("an instance");
        let answer = guest.writ_host_policy().call_evaluate(&mut store, to_wit(request)).await;
        black_box(answer.expect("an answer").expect("a decision"));
    }
}

fn to_wit(request: &Request) -> wit::Request<'_> {
    wit::Request {
        subject: entity(&request.subject),
        action: Action {
            name: &request.action.name,
            properties: request.action.properties.as_str(),
        },
        resource: entity(&request.resource),
        context: request.context.as_str(),
    }
}

fn entity(entity: &writ_core::Entity) -> Entity<'_> {
    Entity { kind: &entity.kind, id: &entity.id, properties: entity.properties.as_str() }
}

/// An engine with every limit on, on pooled instances.
pub(crate) fn engine() -> Engine {
    Engine::new(&config()).expect("an engine")
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(256)
        .total_core_instances(2_048)
        .total_memories(512)
        .total_tables(1_024)
        .total_stacks(256)
        .max_memory_size(64 << 20)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.concurrency_support(false);
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.cranelift_nan_canonicalization(true);
    config.max_wasm_stack(256 << 10);
    config.async_stack_size(1 << 20);
    config.generate_address_map(false);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
