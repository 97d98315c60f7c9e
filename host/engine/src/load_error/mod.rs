//! Why a component is not loaded: a closed set, each with a stable code and a text for people.
//!
//! The same type crosses the pipe from the child that compiles, is collected by `writ check`, and
//! is remembered by the loader, so it holds plain data only.

mod details;
mod wording;

use serde::{Deserialize, Serialize};
use writ_core::FaultCode;

use crate::link::Kind;
pub use details::{CompileLimit, Counted, Place};
use wording::{counted, hint_line, instead, offered, place, to_raise};

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
    #[error("the import `{import}` is not offered\nhint: {}", offered(*.kind))]
    ImportRefused {
        /// Its name.
        import: String,
        /// What the component is.
        kind: Kind,
    },
    /// An import of a tool that it is not granted.
    #[error(
        "the import `{import}` is not granted\n\
         hint: grant the tool `{grant}`, if you trust it with that"
    )]
    ImportNotGranted {
        /// Its name.
        import: String,
        /// The grant that it needs.
        grant: String,
    },
    /// Neither the interface of policies nor that of tools is exported.
    #[error(
        "the component does not export `{expected}`{}\n\
         hint: build it for the world `writ:host/policy-guest`, or a tool for `writ:host/tool-guest`",
        instead(.exports)
    )]
    ExportMissing {
        /// What was looked for.
        expected: String,
        /// What is there instead.
        exports: Vec<String>,
    },
    /// The interfaces of policies and of tools are both exported.
    #[error(
        "the component is a policy and a tool at once: it exports `{}`\n\
         hint: make two components of it",
        .exports.join("`, `")
    )]
    ExportAmbiguous {
        /// What it exports.
        exports: Vec<String>,
    },
    /// A tool where a policy is wanted, or a policy where a tool is.
    #[error("the component is a {found}, and a {wanted} is wanted here\nhint: {}", place(*.found))]
    OtherKind {
        /// What it is.
        found: Kind,
        /// What is wanted.
        wanted: Kind,
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
        "compiling took more than {} allows: {text}{}",
        .limit.name(), .limit.hint()
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
            Self::ImportNotGranted { .. } => "import-not-granted",
            Self::ExportAmbiguous { .. } => "export-ambiguous",
            Self::OtherKind { .. } => "other-kind",
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
            | Self::ImportNotGranted { .. }
            | Self::ExportAmbiguous { .. }
            | Self::OtherKind { .. }
            | Self::ExportMissing { .. }
            | Self::SettingsInvalid { .. }
            | Self::DescribeInvalid { .. }
            | Self::CompileFailed { .. }
            | Self::LinkFailed { .. } => true,
        }
    }
}
