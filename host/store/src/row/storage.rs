//! What policies stored: one row a key, and one a deleted key for as long as its version matters.

use std::sync::Arc;

use writ_core::ledger::Stored;
use writ_core::ports::Namespace;

/// How long a row is kept after its value has expired or was deleted, in milliseconds.
///
/// INVARIANT: longer than any evaluation runs (its timeout is at most ten minutes), so that none
/// that saw the key's version can meet the same version of a key that began anew. A tool may wait for
/// longer: the contract tells it so.
pub(crate) const KEPT_MS: u64 = 3_600_000;

/// One key as it is to be. Version 0 removes the row.
#[derive(Clone, Debug)]
pub(crate) struct StorageRow {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) key: Arc<str>,
    pub(crate) stored: Stored,
    /// None: the row stays.
    pub(crate) sweep_at_ms: Option<u64>,
}

impl StorageRow {
    /// `now_ms` is the time of the write.
    pub(crate) fn new(
        namespace: Arc<Namespace>,
        key: Arc<str>,
        stored: Stored,
        now_ms: u64,
    ) -> Self {
        let ends_at_ms = match stored.value {
            Some(_) => stored.expires_at_ms,
            None => Some(now_ms),
        };
        let sweep_at_ms = ends_at_ms.map(|at| at.saturating_add(KEPT_MS));
        Self { namespace, key, stored, sweep_at_ms }
    }
}
