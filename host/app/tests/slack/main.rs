//! Slack: people are asked by messages, and answer by their buttons: each as themselves, once.
#![allow(missing_docs, clippy::unwrap_used)]

mod answering;
#[allow(dead_code, reason = "a part of it is for channels")]
#[path = "../channels/receiver.rs"]
mod receiver;
mod refusing;
mod site;
#[allow(dead_code, reason = "a part of it is for executions")]
#[path = "../executions/world.rs"]
mod world;
