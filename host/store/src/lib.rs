//! The only part of Writ that knows SQL: decisions, and what policies stored.
//!
//! # Tables
//!
//! One SQLite file, `writ.db`, with its write-ahead log beside it, and `writ.lock`, which one host
//! holds for as long as it may write. `migrations/` describes the tables; it only ever grows.
//!
//! - `decisions`: a row for each decision, appended, never changed. `(tenant, id)` is the only
//!   index; ids are UUIDs version 7, so it is also a tenant's log by time.
//! - `storage`: a row for each key that a policy stored, by tenant, binding and key. A version that
//!   grows by one with each write and deletion. A deleted key keeps its row, without a value, so
//!   that its version goes on; an expired one keeps it too. An hour later the row is swept.
//! - `api_keys`: a row for each key that names who calls, with the digest of its secret. A key that
//!   has ended keeps its row.
//! - `probes`: always empty, written and emptied in one transaction to see whether writing works.
//!
//! # From a commit to the disk
//!
//! ```text
//! evaluations ── read ──> table (memory) <── load what is not resident ── reading connections
//!      │                    ^      │
//!      └── commit ── judge ─┘      └─ in the order of judging ─> writer ── one transaction ──> disk
//! ```
//!
//! A commit is judged against memory alone: every version that its ledgers saw must still be the
//! key's, every generation the namespace's, and what it adds must fit the quota. If so its writes
//! are in memory at once, for later evaluations to read, and it is queued for the writer before the
//! lock is let go. The writer makes one transaction, and one fsync, of what arrived while the last
//! one was under way, and answers. So the order on disk is the order of judging, and a decision is
//! only answered when all that it was built on is durable.
//!
//! # Invariants
//!
//! - A key that is resident is as the last accepted commit left it. One that is not resident is
//!   durable. What is not yet durable is never evicted.
//! - A row loaded before its key was evicted is never taken after: it may be old.
//! - Usage and generation of a namespace are in memory before anything is written there, and from
//!   then on counted with each write.
//! - Usage may have grown between a policy's write, which is checked against its quota, and the
//!   commit. A commit that grows a namespace beyond its quota is in conflict, and evaluated again;
//!   then the policy itself is told. With the usage that it was checked against it always fits.
//! - A row is swept no sooner than an hour after its value's end, and no evaluation runs that long.
//!   So nobody who saw a key's version can meet that version again on a key that began anew. The
//!   host's clock may therefore not be set forward by an hour while it serves; if it is, an
//!   evaluation under way could take a key that began anew for the one that it read.
//!
//! # What a crash leaves
//!
//! `synchronous = FULL`: a commit that was answered is on disk, whatever stops, process, system or
//! power. A commit that was not answered is there as a whole or not at all; a decision may be found
//! that nobody was told. Memory held nothing that the disk lacks, except what was never answered.
//! The lock goes with the process. The next host replays the log when it opens the file.
//!
//! # What a failing disk leaves
//!
//! If a transaction fails, each commit in it fails, and each that is queued behind it, since that
//! may have been built on it. Memory is emptied, and filled again from the disk; versions begin
//! above all that were lost, so that an evaluation which saw something lost cannot commit. Each
//! commit fails by itself as long as the disk does, [`Store::ping`] too, until a write succeeds.
//!
//! # What is absent
//!
//! No second database yet, and so no trait for two. No retention of decisions: the log grows up to
//! [`StoreConfig::file_bytes_max`], and then the store is full. No retries: who is in conflict
//! evaluates again.

mod batch;
mod claim;
mod commit;
mod config;
mod error;
mod keys;
mod reader;
mod shared;
mod sqlite;
mod stats;
mod store;
mod sweep;
mod table;
mod writer;

pub use crate::commit::Accepted;
pub use crate::config::StoreConfig;
pub use crate::error::{Cause, CommitError, Failure, StoreError};
pub use crate::sqlite::decisions::StoredDecision;
pub use crate::stats::StoreStats;
pub use crate::store::Store;
