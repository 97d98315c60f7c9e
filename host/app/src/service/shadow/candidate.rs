//! What might decide: a version, or a set in which a binding counts that does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use writ_core::ports::Namespace;
use writ_core::{BindingName, Ledger, Mode, Request};

use super::report::{Example, Report};
use crate::policy_set::{Bound, Snapshot};
use crate::service::Active;
use crate::service::change::Change;
use crate::service::ephemeral::Ephemeral;
use crate::telemetry::metrics::{Compared, ShadowMetrics};

/// How much one may have stored on the side before all of it is forgotten, in bytes.
const OVERLAY_BYTES_MAX: usize = 64 << 20;

/// What is asked on the side, and what was seen of it on this host.
pub(super) struct Candidate {
    set: Arc<Active>,
    /// The binding that counts in it, and otherwise does not; none where it is a whole version.
    tried: Option<Bound>,
    seen: Arc<SoFar>,
    metrics: Compared,
}

/// What was seen and stored so far. It outlives a set in which the binding is the same.
#[derive(Default)]
struct SoFar {
    // Guards the counts and examples; held to add one or to copy them, never across an await.
    report: Mutex<Report>,
    /// What its bindings have stored that do not decide.
    overlay: Ephemeral,
}

impl Candidate {
    pub(super) fn version(set: Arc<Active>, metrics: &ShadowMetrics) -> Self {
        Self { set, tried: None, seen: Arc::default(), metrics: metrics.version.clone() }
    }

    /// One for each binding of a set whose verdict does not count, of which `set` makes use. One that
    /// was asked `before` goes on with what was seen of it.
    pub(super) fn bindings(
        snapshot: &Snapshot,
        set: impl Fn(Snapshot) -> Active,
        before: &[Self],
        metrics: &ShadowMetrics,
    ) -> Vec<Self> {
        let is_shadow = |bound: &&Bound| bound.binding.mode == Mode::Shadow;
        let one = |bound: &Bound| {
            let is_same =
                |other: &&Self| other.tried.as_ref().is_some_and(|tried| tried.is_same(bound));
            let seen = before.iter().find(is_same).map(|same| same.seen.clone());
            Self {
                set: Arc::new(set(snapshot.if_counted(&bound.binding.name))),
                tried: Some(bound.clone()),
                seen: seen.unwrap_or_default(),
                metrics: metrics.binding.clone(),
            }
        };
        snapshot.bindings.iter().filter(is_shadow).map(one).collect()
    }

    pub(super) fn set(&self) -> &Active {
        &self.set
    }

    pub(super) fn binding(&self) -> Option<&BindingName> {
        self.tried.as_ref().map(|bound| &bound.binding.name)
    }

    /// Whether it could decide a request otherwise. What policies amend, no binding is matched by.
    pub(super) fn is_asked_about(&self, request: &Request) -> bool {
        self.tried.as_ref().is_none_or(|bound| bound.binding.matcher.matches(request))
    }

    /// What lies over the store for it.
    pub(super) fn overlay(&self) -> Ephemeral {
        self.seen.overlay.clone()
    }

    /// Keeps what bindings have stored that do not decide, until it is too much: then all of it is
    /// forgotten, which is counted.
    pub(super) fn store(&self, ledgers: &[(Arc<Namespace>, Ledger)]) {
        let overlay = &self.seen.overlay;
        overlay.keep(ledgers);
        if overlay.held() > OVERLAY_BYTES_MAX {
            overlay.clear();
            self.lock().forgotten += 1;
        }
    }

    /// Counts what would have become of a decision.
    pub(super) fn compared(&self, change: Change, example: impl FnOnce() -> Example) {
        self.lock().add(change, example);
        self.metrics.compared(change);
    }

    /// Counts a decision that was not looked at.
    pub(super) fn missed(&self) {
        self.lock().dropped += 1;
        self.metrics.dropped();
    }

    pub(super) fn report(&self) -> Report {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.seen.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
