//! Backtests: what a candidate would have decided, of everything that was recorded.
//!
//! Recorded decisions come a batch at a time. Each batch is decided again by whichever worker is free,
//! which counts for itself; so any number of decisions takes the memory of a few batches. Nothing is
//! kept of what is decided again, and nobody is asked but the candidate.

pub mod report;
pub mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use writ_core::Tenant;
use writ_engine::Order;
use writ_store::StoreError;

use crate::policy_set::Snapshot;
pub use crate::service::change::Change;
use crate::service::replay::Again;
pub use report::{Example, Report};
pub use source::{Part, Source, SourceError};

/// How much is decided again.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many batches at a time.
    pub workers: usize,
    /// How many decisions at most.
    pub decisions_max: u64,
    /// For how long at most.
    pub time_max: Duration,
}

/// A candidate, and for whom it would decide.
#[derive(Clone)]
pub struct Candidate {
    /// The policy set.
    pub snapshot: Arc<Snapshot>,
    /// Whose decisions these are.
    pub tenant: Tenant,
}

/// Decides again what a source has, by a candidate. `told` is called after each batch, with all that
/// has been counted so far. Who stops waiting ends it.
///
/// # Errors
/// [`SourceError`]
pub async fn run(
    candidate: &Candidate,
    mut source: Source,
    bounds: Bounds,
    mut told: impl FnMut(&Report),
) -> Result<Report, SourceError> {
    let until = Instant::now().checked_add(bounds.time_max);
    let (mut report, mut left) = (Report::of(candidate.snapshot.digest), bounds.decisions_max);
    let mut running = JoinSet::new();
    while let Some(part) = source.next().await? {
        let share = left.min(part.decisions_max());
        left -= share;
        if running.len() >= bounds.workers {
            report.merge(ended(running.join_next().await)?);
            told(&report);
        }
        running.spawn(again(candidate.clone(), part, (share, until)));
        if left == 0 || has_passed(until) {
            report.is_complete &= source.next().await?.is_none();
            break;
        }
    }
    while let Some(part) = running.join_next().await {
        report.merge(ended(Some(part))?);
        told(&report);
    }
    Ok(report)
}

/// Decides one batch again.
async fn again(
    Candidate { snapshot, tenant }: Candidate,
    part: Part,
    (decisions_max, until): (u64, Option<Instant>),
) -> Result<Report, SourceError> {
    let mut report = Report::of(snapshot.digest);
    for decision in part.decisions() {
        if report.decisions >= decisions_max || has_passed(until) {
            report.is_complete = false;
            break;
        }
        let decision = match decision {
            Err(SourceError::Store(StoreError::Damaged { .. })) => {
                report.add_unreadable();
                continue;
            }
            decision => decision?,
        };
        let again = Again::decide(&snapshot, &tenant, &decision, Order::Any).await;
        report.add(&decision, &again);
        // A remembered verdict waits for nothing, and others want to be served.
        tokio::task::yield_now().await;
    }
    Ok(report)
}

fn has_passed(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

fn ended(
    joined: Option<Result<Result<Report, SourceError>, tokio::task::JoinError>>,
) -> Result<Report, SourceError> {
    match joined {
        Some(Ok(report)) => report,
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Some(Err(_)) | None => unreachable!("tasks that are waited for are not ended early"),
    }
}
