//! Why a component is not loaded: a closed set, each with a stable code and a text for people.
//!
//! The same type crosses the pipe from the child that compiles, is collected by `writ check`, and
//! is remembered by the loader, so it holds plain data only.

use serde::{Deserialize, Serialize};
use writ_core::FaultCode;

use crate::config::CORE_INSTANCES_MAX;
use crate::link::OFFERED;

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
    fn noun(self) -> &'static str {
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
    fn hint(self, max: u64) -> &'static str {
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
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "`compile-memory-bytes-max`",
            Self::Processor => "`compile-cpu-seconds-max`",
            Self::Time => "`compile-timeout-ms`",
            Self::Answer => "the size of compiled code",
        }
    }
}

/// A component, or its settings, are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LoadError {
    /// More bytes than `component-bytes-max`.
    #[error(
        "the component has {bytes} bytes, at most {max} are loaded\n\
         hint: build it for size and strip it, or raise `component-bytes-max`"
    )]
    ComponentTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// Not a component, or one that uses what is not supported.
    #[error("the component is not valid: {reason}{}", hint_line(.hint))]
    ComponentInvalid {
        /// What is wrong, and at which byte.
        reason: String,
        /// What to do; empty where nothing can be said.
        hint: String,
    },
    /// Components within components, deeper than `component-depth-max`.
    #[error(
        "components are nested {depth} deep, at most {max} are loaded\n\
         hint: compose it flatter, or raise `component-depth-max`"
    )]
    ComponentTooDeep {
        /// How deep.
        depth: u64,
        /// The limit.
        max: u64,
    },
    /// A function body of more than `function-bytes-max`.
    #[error(
        "{place} has {bytes} bytes, at most {max} are compiled\n\
         hint: split it, or raise `function-bytes-max`"
    )]
    FunctionTooLarge {
        /// Which function.
        place: Place,
        /// Its size.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// More local variables than `function-locals-max`.
    #[error(
        "{place} has {locals} local variables, at most {max} are compiled\n\
         hint: split it, or raise `function-locals-max`"
    )]
    TooManyLocals {
        /// Which function.
        place: Place,
        /// How many.
        locals: u64,
        /// The limit.
        max: u64,
    },
    /// Loops within loops, deeper than `loop-depth-max`.
    #[error(
        "{place} nests loops {depth} deep, at most {max} are compiled\n\
         hint: split it, or raise `loop-depth-max`"
    )]
    LoopsTooDeep {
        /// Which function.
        place: Place,
        /// How deep.
        depth: u64,
        /// The limit.
        max: u64,
    },
    /// More instances, memories or tables than there is room for, nested components multiplied out.
    #[error(
        "the component has {} {}, at most {max} are loaded\nhint: {}",
        counted(*.count), .what.noun(), .what.hint(*.max)
    )]
    TooManyInstances {
        /// What is counted.
        what: Counted,
        /// How many; `u64::MAX` stands for more than can be counted.
        count: u64,
        /// The limit.
        max: u64,
    },
    /// A memory or a table that is larger from the start than an instance may ever have.
    #[error(
        "{what} of core module {module} starts with {size}, at most {max} are loaded\n\
         hint: build it with a smaller one; this bound cannot be raised"
    )]
    TooMuchFromTheStart {
        /// `a memory` or `a table`.
        what: String,
        /// Which module.
        module: u32,
        /// Its initial size, with the unit.
        size: String,
        /// The limit.
        max: u64,
    },
    /// An import that is not offered.
    #[error("the import `{import}` is not offered\nhint: offered are {}", offered())]
    ImportRefused {
        /// Its name.
        import: String,
    },
    /// The interface of policies is not exported.
    #[error(
        "the component does not export `{expected}`{}\n\
         hint: build it for the world `writ:host/policy-guest`",
        instead(.exports)
    )]
    ExportMissing {
        /// What was looked for.
        expected: String,
        /// What is there instead.
        exports: Vec<String>,
    },
    /// Settings that are too large.
    #[error(
        "the settings have {bytes} bytes, at most {max} are taken\nhint: raise `settings-bytes-max`"
    )]
    SettingsInvalid {
        /// Their size as canonical JSON.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// `describe` did not end well.
    #[error("`describe` failed: {code}: {text}{}", to_raise(*.code))]
    DescribeFailed {
        /// How it ended.
        code: FaultCode,
        /// One sentence.
        text: String,
    },
    /// What `describe` says breaks the contract.
    #[error("`describe` gives an invalid {field}: {reason}")]
    DescribeInvalid {
        /// The field of the description.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `configure` did not end well, or refused the settings.
    #[error("`configure` failed: {code}: {text}{}", to_raise(*.code))]
    ConfigureFailed {
        /// How it ended; `guest-error` where the policy refused its settings.
        code: FaultCode,
        /// The policy's own text, or one sentence.
        text: String,
    },
    /// The process that compiles went over one of its limits.
    #[error(
        "compiling took more than {} allows: {text}\n\
         hint: make the component smaller; a component of ordinary code stays far below",
        .limit.name()
    )]
    CompileLimit {
        /// Which limit, as far as can be told from how the process ended.
        limit: CompileLimit,
        /// How it ended.
        text: String,
    },
    /// wasmtime refuses to compile what the scan let through.
    #[error("the component cannot be compiled: {reason}")]
    CompileFailed {
        /// wasmtime's words.
        reason: String,
    },
    /// Imports or exports have the right names and other types.
    #[error(
        "the component does not fit the contract: {reason}\n\
         hint: build it against this version of `wit/`"
    )]
    LinkFailed {
        /// wasmtime's words.
        reason: String,
    },
    /// The process that compiles did not start, or did not keep to the protocol.
    #[error("the process that compiles failed: {reason}")]
    CompilerFailed {
        /// What was seen of it.
        reason: String,
    },
}

impl LoadError {
    /// The code: stable, for answers, metrics and exit codes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ComponentTooLarge { .. } => "component-too-large",
            Self::ComponentInvalid { .. } => "component-invalid",
            Self::ComponentTooDeep { .. } => "component-too-deep",
            Self::FunctionTooLarge { .. } => "function-too-large",
            Self::TooManyLocals { .. } => "too-many-locals",
            Self::LoopsTooDeep { .. } => "loops-too-deep",
            Self::TooManyInstances { .. } => "too-many-instances",
            Self::TooMuchFromTheStart { .. } => "memory-too-large",
            Self::ImportRefused { .. } => "import-refused",
            Self::ExportMissing { .. } => "export-missing",
            Self::SettingsInvalid { .. } => "settings-invalid",
            Self::DescribeFailed { .. } => "describe-failed",
            Self::DescribeInvalid { .. } => "describe-invalid",
            Self::ConfigureFailed { .. } => "configure-failed",
            Self::CompileLimit { .. } => "compile-limit",
            Self::CompileFailed { .. } => "compile-failed",
            Self::LinkFailed { .. } => "link-failed",
            Self::CompilerFailed { .. } => "compiler-failed",
        }
    }

    /// wasmtime does not link the component to what is offered.
    pub(crate) fn link(error: wasmtime::Error) -> Self {
        Self::LinkFailed { reason: format!("{error:#}") }
    }

    /// Whether the same bytes would be refused again, whatever else the machine does meanwhile.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Self::ConfigureFailed { code, .. } | Self::DescribeFailed { code, .. } => {
                *code != FaultCode::DeadlineExceeded
            }
            Self::CompileLimit { limit, .. } => match limit {
                CompileLimit::Memory | CompileLimit::Answer => true,
                CompileLimit::Processor | CompileLimit::Time => false,
            },
            Self::CompilerFailed { .. } => false,
            Self::ComponentTooLarge { .. }
            | Self::ComponentInvalid { .. }
            | Self::ComponentTooDeep { .. }
            | Self::FunctionTooLarge { .. }
            | Self::TooManyLocals { .. }
            | Self::LoopsTooDeep { .. }
            | Self::TooManyInstances { .. }
            | Self::TooMuchFromTheStart { .. }
            | Self::ImportRefused { .. }
            | Self::ExportMissing { .. }
            | Self::SettingsInvalid { .. }
            | Self::DescribeInvalid { .. }
            | Self::CompileFailed { .. }
            | Self::LinkFailed { .. } => true,
        }
    }
}

fn hint_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") }
}

/// Which limit of loading may be raised for `describe` and `configure`.
fn to_raise(code: FaultCode) -> &'static str {
    match code {
        FaultCode::OutOfFuel => "\nhint: raise `configure-fuel` in `[engine.load]`",
        FaultCode::DeadlineExceeded => "\nhint: raise `configure-deadline-ms` in `[engine.load]`",
        _ => "",
    }
}

fn counted(count: u64) -> String {
    if count == u64::MAX { "uncountably many".to_owned() } else { count.to_string() }
}

fn offered() -> String {
    let host: Vec<_> =
        OFFERED.iter().filter(|name| name.starts_with("writ:")).map(|n| format!("`{n}`")).collect();
    format!("{}, and `wasi:*` 0.2 of a world without files and network", host.join(", "))
}

fn instead(exports: &[String]) -> String {
    match exports {
        [] => ", nor anything else".to_owned(),
        exports => format!(", but `{}`", exports.join("`, `")),
    }
}
