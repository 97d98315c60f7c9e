//! Test support for Writ: guests by name, case files against components, hosts as processes,
//! databases, registries, and waiting for them.
//!
//! For tests alone: a failure is a panic that says what went wrong.

pub mod cases;
mod compiled;
pub mod guests;
pub mod http;
pub mod postgres;
pub mod registry;
pub mod server;
pub mod wait;
