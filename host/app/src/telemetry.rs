//! What operators see of a running host: metrics, log lines, trace ids.
//!
//! Nothing here decides anything, and nothing here ever sees a request's body.

pub mod functions;
pub mod log;
pub mod metrics;
pub mod page;
pub mod trace_context;

pub use log::{LogConfig, LogFormat};
pub use metrics::{BindingMetrics, Metrics, RunEnd};
pub use trace_context::TraceContext;
