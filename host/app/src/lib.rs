//! Writ, a sandboxed WebAssembly policy host: the library behind the binary `writ`.
//!
//! Commands and configuration are at the edge; `service` decides; `http` translates. What a policy
//! is, how one runs and how a decision is kept is in the crates below: core, engine, store.

pub mod breaker;
pub mod telemetry;
