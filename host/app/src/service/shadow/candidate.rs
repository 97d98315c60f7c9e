//! What might decide: a version, or a set in which a binding counts that does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use writ_core::{Binding, BindingName, Mode, Request};

use super::report::{Example, Report};
use crate::policy_set::Snapshot;
use crate::service::Active;
use crate::service::change::Change;

/// What is asked on the side, and what was seen of it on this host.
pub(super) struct Candidate {
    set: Arc<Active>,
    /// The binding that counts in it, and otherwise does not; none where it is a whole version.
    tried: Option<Binding>,
    // Guards the counts and examples; held to add one or to copy them, never across an await.
    report: Mutex<Report>,
}

impl Candidate {
    pub(super) fn version(set: Arc<Active>) -> Self {
        Self { set, tried: None, report: Mutex::default() }
    }

    /// One for each binding of a set whose verdict does not count, of which `set` makes use.
    pub(super) fn bindings(
        snapshot: &Snapshot,
        set: impl Fn(Snapshot) -> Active,
    ) -> impl Iterator<Item = Self> {
        let shadows = snapshot.bindings.iter().map(|bound| &bound.binding);
        let shadows = shadows.filter(|binding| binding.mode == Mode::Shadow);
        shadows.map(move |binding| Self {
            set: Arc::new(set(snapshot.if_counted(&binding.name))),
            tried: Some(binding.clone()),
            report: Mutex::default(),
        })
    }

    pub(super) fn set(&self) -> &Active {
        &self.set
    }

    pub(super) fn binding(&self) -> Option<&BindingName> {
        self.tried.as_ref().map(|binding| &binding.name)
    }

    /// Whether it could decide a request otherwise. What policies amend, no binding is matched by.
    pub(super) fn is_asked_about(&self, request: &Request) -> bool {
        self.tried.as_ref().is_none_or(|binding| binding.matcher.matches(request))
    }

    /// Counts what would have become of a decision.
    pub(super) fn compared(&self, change: Change, example: impl FnOnce() -> Example) {
        self.lock().add(change, example);
    }

    /// Counts a decision that was not looked at.
    pub(super) fn missed(&self) {
        self.lock().dropped += 1;
    }

    pub(super) fn report(&self) -> Report {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
