//! The settings of wasmtime, all in one place, so that the child that compiles and the host that
//! runs agree on the code they exchange.
//!
//! Cranelift only; everything that a policy language does not need is off. See
//! `docs` of each group below for why.

use std::ffi::OsString;
use std::path::PathBuf;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm, Strategy,
};
use writ_core::LoadLimits;
use writ_core::limits::MEMORY_BYTES_CEILING;

use crate::platform;

/// Tables of one component, all its modules together.
pub(crate) const TABLES_MAX: usize = 16;
/// Memories of one component, all its modules together.
pub(crate) const MEMORIES_MAX: usize = 8;
/// Memories of one core module.
pub(crate) const MODULE_MEMORIES_MAX: usize = 1;
/// Tables of one core module.
pub(crate) const MODULE_TABLES_MAX: usize = 4;
/// Elements of one table.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Core instances of one component.
pub(crate) const CORE_INSTANCES_MAX: usize = 64;
/// A guest's stack, in bytes.
pub(crate) const STACK_BYTES: usize = 256 << 10;
/// The stack that an evaluation runs on: the guest's and the host functions' that it calls.
const FIBER_STACK_BYTES: usize = 1 << 20;

/// How an [`Engine`](crate::Engine) is set up.
#[derive(Debug)]
pub struct EngineConfig {
    /// What a component may be to be loaded.
    pub load: LoadLimits,
    /// How many evaluations may run at the same time; 1 to 1,000, 256 by default. One more is the
    /// fault `overloaded`.
    pub instances_max: u32,
    /// Room for remembered evaluations, in bytes; 0 switches remembering off. 12 MiB by default.
    pub memo_bytes_max: u64,
    /// Room for compiled code in memory, in bytes. 256 MiB by default.
    pub code_bytes_max: u64,
    /// The directory of compiled code, owned by this host alone; none: nothing is kept on disk.
    pub cache: Option<cap_std::fs::Dir>,
    /// How to start the process that compiles.
    pub compiler: CompilerCommand,
}

/// A command that ends in [`run_compile_child`](crate::run_compile_child).
#[derive(Clone, Debug)]
pub struct CompilerCommand {
    /// The program: as a rule this very binary.
    pub program: PathBuf,
    /// What makes it compile.
    pub args: Vec<OsString>,
}

impl EngineConfig {
    /// Every default, nothing on disk, and the given command to compile with.
    pub fn new(compiler: CompilerCommand) -> Self {
        Self {
            load: LoadLimits::default(),
            instances_max: 256,
            memo_bytes_max: 12 << 20,
            code_bytes_max: 256 << 20,
            cache: None,
            compiler,
        }
    }
}

/// What decides about the code that is generated: the same in the child and in the host.
pub(crate) fn code() -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    // The same verdict and the same fuel on any machine (decision 3).
    config.cranelift_nan_canonicalization(true);
    config.wasm_relaxed_simd(false);
    config.relaxed_simd_deterministic(true);
    // Limits that interrupt computing guests (decision 4).
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    // Not needed by any supported guest. Multi-memory stays on: components with fused adapters
    // need it; the pool allows one memory a module.
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.concurrency_support(false);
    // A guest's stack trace is for the operator's log; symbols of the guest are enough for it.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    config
}

/// What the host serves with: [`code`] on pooled instances.
pub(crate) fn serving(instances_max: u32) -> Config {
    let mut config = code();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances_max)));
    config
}

/// What pre-initialisation runs with: code that is compiled fast and thrown away. Memories have
/// guards, as where the host serves, since code that checks each access is a third more to compile;
/// they are not made of files, which the process that compiles may not write.
pub(crate) fn pre_initialising() -> Config {
    let mut config = code();
    config.cranelift_opt_level(OptLevel::None);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    config.memory_init_cow(false);
    config
}

fn pool(instances_max: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    // Core instances are only counted. Memories and tables are address space: by default enough for one
    // binding that takes all of its 64 turns with the largest components that are loaded, and for as much
    // again of others.
    pool.total_component_instances(instances_max)
        .total_core_instances(instances_max * CORE_INSTANCES_MAX as u32)
        .total_memories(instances_max * 4)
        .total_tables(instances_max * 8)
        .total_stacks(instances_max)
        .max_core_instances_per_component(CORE_INSTANCES_MAX as u32)
        .max_memories_per_component(MEMORIES_MAX as u32)
        .max_tables_per_component(TABLES_MAX as u32)
        .max_tables_per_module(MODULE_TABLES_MAX as u32)
        .max_memories_per_module(MODULE_MEMORIES_MAX as u32)
        .max_memory_size(MEMORY_BYTES_CEILING)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10);
    if platform::pagemap_scan_is_sound() {
        pool.pagemap_scan(Enabled::Auto);
    } else {
        pool.decommit_batch_size(16);
    }
    pool
}
