//! The only part of Writ that knows wasmtime: components in, verdicts and results out.
//!
//! Loading (`scan`, `compiler`, `cache`, `load`) turns untrusted bytes into an [`Image`]: checked,
//! configured, compiled. Evaluating (`image`, `call`, `capability`) runs an image on a fresh
//! instance under every limit and gives a verdict or a [`Fault`](writ_core::Fault). Calling a tool
//! (`tool`) does the same for whoever carries an action out: what it asks goes to a
//! [`ToolHost`](writ_core::ToolHost), which may drop the call at any time. There is no HTTP, no SQL and no configuration file here; what policies stored and what people were asked
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
mod groundwork;
mod guard;
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
mod recorded;
mod report;
mod runtime;
mod scan;
mod snapshot;
mod state;
mod tool;
mod trial;

pub use cache::CacheError;
pub use child::run_compile_child;
pub use config::{CompilerCommand, EngineConfig};
pub use image::{Call, Evaluation, Execution, Image};
pub use link::{Grants, Kind};
pub use load::LoadStats;
pub use load_error::{CompileLimit, Counted, LoadError, Place};
pub use recorded::{Departure, Order, Recorder, Replay, Transcript};
pub use report::{Described, Description, Report, ToolDescription};
pub use runtime::{Engine, EngineError, EngineStats};
pub use tool::{Called, Ended, Tool, ToolCall};
