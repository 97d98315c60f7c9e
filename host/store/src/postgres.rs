//! The store in a PostgreSQL database, which any number of hosts share.
//!
//! Nothing is judged in memory. A commit is one transaction: it holds what it builds on, looks
//! whether that is still so, writes, and ends. SQL is in a file a table; nothing but those files
//! speaks it.
//!
//! # What a transaction holds, and in which order
//!
//! 1. the caller's key for a request: its row, by inserting it
//! 2. the execution: its row
//! 3. the namespaces of storage, by tenant and name: their rows, for itself where it writes there,
//!    and with others where it only read
//! 4. the end of a strand of decisions: its row, which no other transaction of this host has, and no
//!    other host
//! 5. the end of the tenant's chain: its row, last, since every step of every host waits for it
//!
//! Every transaction takes them in this order, so that none wait for each other in a circle. A
//! decision that is built on nothing holds nothing but that end, and shares a transaction with others
//! that come at the same time.
//!
//! # Whose rows
//!
//! Row-level security shows a transaction one tenant's rows; it says which when it begins. What
//! serves all tenants says that instead. See `migrations/postgres` and [`scope`].

mod answer_links;
mod approvals;
mod audit;
mod backend;
mod batches;
mod channels;
mod claims;
mod commit;
mod component_signatures;
mod connect;
mod decisions;
mod due;
mod errands;
mod events;
mod executions;
mod follower;
mod health;
mod history;
mod idempotency;
mod journal;
mod keys;
mod letters;
mod link;
mod listener;
mod namespaces;
mod policies;
mod reader;
mod reading;
mod recording;
mod reseal;
mod retention;
mod rollouts;
mod rows;
mod scope;
mod signing;
mod steps;
mod storage;
mod strands;
mod sweep;
mod telling;
mod text;
mod turns;
mod work;
mod writer;

pub(crate) use backend::Postgres;
pub(crate) use connect::{options, place};
pub(crate) use turns::Turns;
