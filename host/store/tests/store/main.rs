//! What a store promises: what both databases do, and each by itself.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

#[path = "../conformance/mod.rs"]
mod conformance;
mod failing_disk;
mod files;
mod group_commit;
mod keys;
mod migrations;
#[path = "../opened/mod.rs"]
mod opened;
mod postgres;
mod row_security;
mod sealing;
mod signing;
mod sqlite;
mod strands;
mod tampering;
mod two_hosts;
