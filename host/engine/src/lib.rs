//! The only part of Writ that knows wasmtime: components in, verdicts out.
//!
//! Loading (`scan`, `compiler`, `cache`, `load`) turns untrusted bytes into an [`Image`]: checked,
//! configured, compiled. Evaluating (`image`, `call`, `capability`) runs an image on a fresh
//! instance under every limit and gives a verdict or a [`Fault`](writ_core::Fault). There is no
//! HTTP, no SQL and no configuration file here; what policies stored and what people were asked
//! comes in through core's [`ports`](writ_core::ports).

mod answer;
mod bindings;
mod cache;
mod capability;
mod child;
mod compiler;
mod config;
mod fault;
mod frame;
mod image;
mod kept;
mod limiter;
mod link;
mod load;
mod load_error;
mod memo;
mod meter;
mod platform;
mod prepare;
mod report;
mod runtime;
mod scan;
mod snapshot;
mod state;
mod trial;

pub use cache::CacheError;
pub use child::run_compile_child;
pub use config::{CompilerCommand, EngineConfig};
pub use image::{Call, Evaluation, Execution, Image};
pub use load::LoadStats;
pub use load_error::{CompileLimit, Counted, LoadError, Place};
pub use report::{Description, Report};
pub use runtime::{Engine, EngineError, EngineStats};
