//! Mail: people are asked by letters, and answer by the links in them: each as themselves, once.
#![allow(missing_docs, clippy::unwrap_used)]

mod answering;
mod relay;
mod sending;
mod site;
#[allow(dead_code, reason = "a part of it is for executions")]
#[path = "../executions/world.rs"]
mod world;
