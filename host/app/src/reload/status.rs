//! What is told of the policy set that decides.

use writ_core::Digest;
use writ_store::Occasion;

use super::pipeline::{Candidate, Refusal};
use super::{Begun, Phase, Trigger};

/// The policy set that decides, and what became of the last reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Digest of the set.
    pub policy_set: Digest,
    /// Its version; none where nothing keeps versions.
    pub version: Option<u64>,
    /// Since when it decides, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// What led to it here.
    pub trigger: Trigger,
    /// What led to its version deciding, on whichever host.
    pub occasion: Occasion,
    /// How many policies it binds.
    pub bindings: usize,
    /// How many cases it was tested with.
    pub cases: usize,
    /// Why the last reload failed; none where it did not.
    pub failure: Option<Failed>,
    /// Sections of the configuration that say something else than when the host was started.
    pub restart: Vec<String>,
}

/// A reload that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What had led to it.
    pub trigger: Trigger,
    /// What it did not get through.
    pub phase: Phase,
    /// Why.
    pub reason: String,
}

impl Status {
    /// Of a host that has just been started.
    pub(super) fn started(begun: &Begun, now_ms: u64) -> Self {
        Self {
            policy_set: begun.snapshot.digest,
            version: begun.version,
            since_ms: now_ms,
            trigger: Trigger::Start,
            occasion: begun.occasion.clone(),
            bindings: begun.snapshot.bindings.len(),
            cases: begun.cases,
            failure: None,
            restart: Vec::new(),
        }
    }

    /// The set that decides was loaded once more.
    pub(super) fn confirmed(&mut self, candidate: &Candidate, restart: Vec<String>) {
        (self.cases, self.failure, self.restart) = (candidate.cases, None, restart);
    }
}

impl Failed {
    pub(super) fn new(refusal: &Refusal, trigger: &Trigger, now_ms: u64) -> Self {
        let (phase, reason) = (refusal.phase, refusal.to_string());
        Self { at_ms: now_ms, trigger: trigger.clone(), phase, reason }
    }

    /// Whether it failed for the same reason.
    pub(super) fn is_of(&self, refusal: &Refusal) -> bool {
        self.phase == refusal.phase && self.reason == refusal.to_string()
    }
}
