//! The only part of Writ that knows SQL.

mod batch;
mod claim;
mod commit;
mod config;
mod error;
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
