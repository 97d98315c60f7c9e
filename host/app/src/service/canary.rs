//! A version that decides for some: what it is seen to do, beside what the others are.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use writ_core::Outcome;
use writ_core::rollout::{Breach, Guard, Recent, Tally};

use crate::telemetry::metrics::CanaryMetrics;

/// What a version that decides for some is seen to do on this host.
#[derive(Debug)]
pub struct Canary {
    guard: Guard,
    started: Instant,
    // Guards the counts; held to count one decision or to sum a window, never across an await.
    seen: Mutex<Seen>,
    /// Rung when it has decided.
    bell: Arc<Notify>,
    metrics: CanaryMetrics,
}

#[derive(Debug)]
struct Seen {
    canary: Recent,
    others: Recent,
}

impl Canary {
    /// Nothing was seen yet.
    pub(super) fn new(guard: Guard, bell: Arc<Notify>, metrics: CanaryMetrics) -> Self {
        let window_ms = guard.window_seconds * 1_000;
        let seen = Seen { canary: Recent::over(window_ms), others: Recent::over(window_ms) };
        Self { guard, started: Instant::now(), seen: Mutex::new(seen), bell, metrics }
    }

    pub(super) fn learn(&self, is_ours: bool, outcome: &Outcome, took: Duration) {
        let (now_ms, took_us) = (self.now_ms(), took.as_micros() as u64);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = if is_ours { &mut seen.canary } else { &mut seen.others };
        recent.add(now_ms, outcome, took_us);
        drop(seen);
        self.metrics.decided(is_ours);
        if is_ours {
            self.bell.notify_one();
        }
    }

    /// What it did within the window, and what the others did.
    pub fn seen(&self) -> (Tally, Tally) {
        let now_ms = self.now_ms();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.canary.sum(now_ms), seen.others.sum(now_ms))
    }

    /// What it has exceeded.
    pub fn breach(&self) -> Option<Breach> {
        let (canary, others) = self.seen();
        self.guard.judge(&canary, &others)
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}
