//! The store in SQLite files, which one host has: judged in memory, written by one task.
//!
//! SQL is in a file a table; nothing but those files speaks it.

mod answer_links;
mod approvals;
mod audit;
pub(crate) mod backend;
mod batch;
mod batches;
mod chains;
mod channels;
mod commit;
mod component_signatures;
mod connect;
mod decisions;
mod errands;
mod events;
mod executions;
pub(crate) mod files;
mod health;
mod history;
mod idempotency;
mod journal;
mod keys;
mod letters;
mod locks;
mod policies;
mod reader;
mod reading;
mod recording;
mod reseal;
mod retention;
mod rollouts;
mod rows;
mod shared;
mod signing;
mod steps;
mod storage;
mod strands;
mod sweep;
mod table;
mod telling;
mod work;
mod write;
mod writer;

pub(crate) use backend::Sqlite;

#[cfg(test)]
mod plans;
