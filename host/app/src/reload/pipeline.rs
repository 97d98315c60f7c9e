//! From a configuration to a set that may decide.

use std::fmt;

use writ_core::Digest;
use writ_engine::Engine;

use super::Parts;
use super::files::{Files, Look};
use crate::cases::{self, Case, CaseReport};
use crate::config::{Config, ConfigError, Fixed, Origin};
use crate::policy_set::{self, Snapshot};

/// A set that got through everything.
pub struct Candidate {
    /// What would decide.
    pub snapshot: Snapshot,
    /// How many cases hold.
    pub cases: usize,
    /// What its files were before they were read.
    pub(super) look: Look,
}

/// What a set gets through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its files say what they can say.
    Configuration,
    /// Components are read, checked, compiled and take their settings.
    Loading,
    /// Its cases hold.
    Cases,
    /// The change is recorded.
    Recording,
}

/// Why a set may not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it did not get through.
    pub phase: Phase,
    /// Where: a file, with line and column where that is known.
    pub place: String,
    /// Digest of the set, where it got as far as having one.
    pub policy_set: Option<Digest>,
    /// Why.
    reason: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What came of reading everything again, and what the files were before.
pub(super) struct Prepared {
    pub(super) look: Look,
    /// With the sections that differ from those that the host was started with.
    pub(super) candidate: Result<(Candidate, Vec<String>), Refusal>,
}

impl Candidate {
    /// A set without cases and without files.
    pub fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, cases: 0, look: Look::default() }
    }
}

impl Phase {
    /// Its name in answers, events and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Loading => "loading",
            Self::Cases => "cases",
            Self::Recording => "recording",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

impl Refusal {
    /// Why, without what to do.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn of(phase: Phase, error: ConfigError) -> Self {
        let ConfigError { place, message, hint } = error;
        let place = place.to_string();
        Self { phase, policy_set: None, reason: format!("{place}: {message}"), place, hint }
    }

    /// Cases that do not hold.
    fn of_cases(policy_set: Digest, report: &cases::Report) -> Option<Self> {
        let mut failed = report.failed();
        let CaseReport { file, name, step, differences } = failed.next()?;
        let (step, differences) = (step.unwrap_or_default(), differences.join("; "));
        let reason = match failed.count() {
            0 => format!("{file}: {name}: step {step}: {differences}"),
            more => format!(
                "{file}: {name}: step {step}: {differences}; and {more} more cases do not hold"
            ),
        };
        let hint = Some("`writ test` tells what differs in each case".to_owned());
        let policy_set = Some(policy_set);
        Some(Self { phase: Phase::Cases, place: file.clone(), policy_set, reason, hint })
    }

    /// The store does not answer.
    pub(super) fn unrecorded(policy_set: Digest) -> Self {
        Self {
            phase: Phase::Recording,
            place: "the store".into(),
            policy_set: Some(policy_set),
            reason: "the change cannot be recorded".into(),
            hint: Some("reload when the store answers again".into()),
        }
    }
}

/// Makes a set of what a configuration says: loads it and runs its cases.
///
/// # Errors
/// What it did not get through.
pub async fn prepare(
    engine: &Engine,
    origin: &Origin,
    config: &Config,
) -> Result<Candidate, Refusal> {
    let look = Files::of(origin, Some(&config.policies)).look();
    let cases = cases::read(&config.policies);
    let cases = cases.map_err(|error| Refusal::of(Phase::Configuration, error))?;
    checked(engine, config, cases, look).await
}

async fn checked(
    engine: &Engine,
    config: &Config,
    cases: Vec<Case>,
    look: Look,
) -> Result<Candidate, Refusal> {
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(engine, &config.policies, bytes_max).await;
    let snapshot = snapshot.map_err(|error| Refusal::of(Phase::Loading, error))?;
    let report = cases::run(&snapshot, &cases, config.breaker).await;
    match Refusal::of_cases(snapshot.digest, &report) {
        Some(refusal) => Err(refusal),
        None => Ok(Candidate { snapshot, cases: cases.len(), look }),
    }
}

/// Reads everything again. `known` is what the files were when they were last read.
pub(super) async fn again(parts: &Parts, started: &Fixed, known: Look) -> Prepared {
    let (origin, files) = (parts.origin.clone(), known.files().clone());
    // Files are read where nobody waits for the thread.
    let read = tokio::task::spawn_blocking(move || {
        // Before anything is read, so that what changes meanwhile is seen as a change.
        let before = files.look();
        let refused = |error| Refusal::of(Phase::Configuration, error);
        let config = match origin.load() {
            Ok(config) => config,
            Err(error) => return (before, Err(refused(error))),
        };
        let look = Files::of(&origin, Some(&config.policies)).look().seen_before(&before);
        let cases = cases::read(&config.policies).map_err(refused);
        (look, cases.map(|cases| (config, cases)))
    });
    let (look, read) = match read.await {
        Ok(read) => read,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let (config, cases) = match read {
        Ok(read) => read,
        Err(refusal) => return Prepared { look, candidate: Err(refusal) },
    };
    let restart = started.differing(&Fixed::of(&config));
    let candidate = checked(&parts.engine, &config, cases, look.clone()).await;
    Prepared { look, candidate: candidate.map(|candidate| (candidate, restart)) }
}
