//! What a refusal tells beside its code: where, what there is too much of, which limit ended it.

use serde::{Deserialize, Serialize};

use crate::config::CORE_INSTANCES_MAX;

/// Where in a component something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Number of the core module, counted from 0 in the order of the bytes.
    pub module: u32,
    /// Number of the function within the module, imports included, as disassemblers count.
    pub function: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "function {} of core module {}", self.function, self.module)
    }
}

/// What instances a component has too many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counted {
    /// Instances of core modules.
    CoreInstances,
    /// Instances of components.
    ComponentInstances,
    /// Linear memories.
    Memories,
    /// Tables.
    Tables,
    /// Linear memories of one core module.
    ModuleMemories,
    /// Tables of one core module.
    ModuleTables,
}

impl Counted {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::CoreInstances => "core instances",
            Self::ComponentInstances => "component instances",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::ModuleMemories => "memories in one core module",
            Self::ModuleTables => "tables in one core module",
        }
    }

    /// What to do, where the limit is `max`: the pool's own bounds stand fast.
    pub(super) fn hint(self, max: u64) -> &'static str {
        match self {
            Self::CoreInstances | Self::ComponentInstances if max < CORE_INSTANCES_MAX as u64 => {
                "compose it of fewer, or raise `core-instances-max`"
            }
            Self::CoreInstances | Self::ComponentInstances => {
                "compose it of fewer; this bound cannot be raised"
            }
            Self::Memories => "let its core modules share memories; this bound cannot be raised",
            Self::Tables => "let its core modules share tables; this bound cannot be raised",
            Self::ModuleMemories => "build it without the feature `multi-memory`",
            Self::ModuleTables => "build it with fewer tables; this bound cannot be raised",
        }
    }
}

/// Which limit of the compiling process ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompileLimit {
    /// `compile-memory-bytes-max`.
    Memory,
    /// `compile-cpu-seconds-max`.
    Processor,
    /// `compile-timeout-ms`.
    Time,
    /// Its answer is larger than any compiled component may be.
    Answer,
}

impl CompileLimit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "`compile-memory-bytes-max`",
            Self::Processor => "`compile-cpu-seconds-max`",
            Self::Time => "`compile-timeout-ms`",
            Self::Answer => "the size of compiled code",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Memory | Self::Processor | Self::Time => {
                "\nhint: raise it in `[engine.load]`, or make the component smaller: one of ordinary code stays \
                 far below its default"
            }
            Self::Answer => {
                "\nhint: make the component smaller: one of ordinary code stays far below"
            }
        }
    }
}
