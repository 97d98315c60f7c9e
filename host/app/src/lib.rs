//! Writ, a sandboxed WebAssembly policy host: the library behind the binary `writ`.
//!
//! Commands and configuration are at the edge; `service` decides; `http` translates. What a policy
//! is, how one runs and how a decision is kept is in the crates below: core, engine, store.

pub mod access_request;
pub mod auth;
pub mod background;
pub mod backtest;
pub mod breaker;
pub mod builtin;
pub mod cases;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_directory;
pub mod endpoints;
pub mod http;
pub mod lifecycle;
pub mod memory;
pub mod outbound;
pub mod points;
pub mod policy_set;
pub mod receipt;
pub mod registry;
pub mod reload;
pub mod server;
pub mod service;
pub mod telemetry;
pub mod tool_set;
