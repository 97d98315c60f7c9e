//! Figures about the store, for metrics.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use crate::retention::Counts;

/// Figures about a store since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Transactions that became durable, and so fsyncs.
    pub batches: u64,
    /// Decisions that became durable.
    pub decisions: u64,
    /// Writes of policies that became durable; several of one key in one batch included.
    pub writes: u64,
    /// Commits refused because what they read had changed.
    pub conflicts: u64,
    /// Commits that failed.
    pub failures: u64,
    /// Keys that were not in memory when they were read.
    pub loads: u64,
    /// Keys that were swept.
    pub swept: u64,
    /// Executions that were removed since they ended long ago.
    pub swept_executions: u64,
    /// Events that were removed with them.
    pub swept_events: u64,
    /// Decisions that were removed since they are from long ago.
    pub swept_decisions: u64,
    /// Commits that wait for the writer now.
    pub queued: u64,
    /// Memory for keys, about, in bytes.
    pub cache_bytes: u64,
    /// How long the last batch took to become durable, in microseconds.
    pub batch_last_us: u64,
    /// How long all batches took to become durable, in microseconds.
    pub batches_us: u64,
    /// Whether the last batch failed.
    pub is_failing: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) decisions: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) swept: AtomicU64,
    pub(crate) swept_executions: AtomicU64,
    pub(crate) swept_events: AtomicU64,
    pub(crate) swept_decisions: AtomicU64,
    pub(crate) batch_last_us: AtomicU64,
    pub(crate) batches_us: AtomicU64,
    pub(crate) is_failing: AtomicBool,
}

impl Counters {
    pub(crate) fn count_batch(&self, decisions: usize, writes: usize, took: Duration) {
        let took_us = took.as_micros() as u64;
        self.batches.fetch_add(1, Relaxed);
        self.decisions.fetch_add(decisions as u64, Relaxed);
        self.writes.fetch_add(writes as u64, Relaxed);
        self.batch_last_us.store(took_us, Relaxed);
        self.batches_us.fetch_add(took_us, Relaxed);
        self.is_failing.store(false, Relaxed);
    }

    pub(crate) fn count_swept(&self, counts: &Counts) {
        self.swept_executions.fetch_add(counts.executions, Relaxed);
        self.swept_events.fetch_add(counts.events, Relaxed);
        self.swept_decisions.fetch_add(counts.decisions, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> StoreStats {
        StoreStats {
            batches: self.batches.load(Relaxed),
            decisions: self.decisions.load(Relaxed),
            writes: self.writes.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            failures: self.failures.load(Relaxed),
            loads: self.loads.load(Relaxed),
            swept: self.swept.load(Relaxed),
            swept_executions: self.swept_executions.load(Relaxed),
            swept_events: self.swept_events.load(Relaxed),
            swept_decisions: self.swept_decisions.load(Relaxed),
            queued: 0,
            cache_bytes: 0,
            batch_last_us: self.batch_last_us.load(Relaxed),
            batches_us: self.batches_us.load(Relaxed),
            is_failing: self.is_failing.load(Relaxed),
        }
    }
}
