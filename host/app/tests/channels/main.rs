//! Channels: others are told what happens, at least once and under one id, whatever goes wrong.
#![allow(missing_docs, clippy::unwrap_used)]

mod letters;
#[allow(dead_code, reason = "a part of it is for endpoints")]
mod receiver;
mod telling;
#[allow(dead_code, reason = "a part of it is for executions")]
#[path = "../executions/world.rs"]
mod world;
