//! From a configuration to a set that may decide.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use writ_core::{BindingName, Digest};
use writ_engine::Engine;

use super::Parts;
use super::files::{Files, Look};
use crate::cases::{self, Case, CaseReport};
use crate::config::{Config, ConfigError, Fixed, Origin};
use crate::policy_set::{self, Kept, Pulled, Snapshot, Unloaded, Whole};
use writ_store::StoreError;

/// A set that got through everything.
pub struct Candidate {
    /// What would decide.
    pub snapshot: Snapshot,
    /// How many cases hold.
    pub cases: usize,
    /// What it is made of, by digest.
    pub(super) components: BTreeMap<Digest, Cow<'static, [u8]>>,
    /// Which of it was pulled.
    pub(super) pulled: Pulled,
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
    /// There is such a version.
    Choosing,
    /// What decides and what is rolled out let it happen.
    Applying,
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

impl Phase {
    /// Its name in answers, events and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Loading => "loading",
            Self::Cases => "cases",
            Self::Recording => "recording",
            Self::Choosing => "choosing",
            Self::Applying => "applying",
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

    pub(super) fn of(phase: Phase, error: ConfigError) -> Self {
        let ConfigError { place, message, hint } = error;
        let place = place.to_string();
        Self { phase, policy_set: None, reason: format!("{place}: {message}"), place, hint }
    }

    /// Cases that do not hold.
    pub(super) fn of_cases(policy_set: Digest, report: &cases::Report) -> Option<Self> {
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
    pub(super) fn of_store(error: StoreError) -> Self {
        tracing::error!(%error, "versions of the policy set cannot be read or kept");
        Self {
            phase: Phase::Recording,
            place: "the store".into(),
            policy_set: None,
            reason: "the store does not answer".into(),
            hint: Some("try again when it does".into()),
        }
    }

    /// Something that is kept does not load.
    pub(super) fn of_loading(place: &str, error: impl fmt::Display) -> Self {
        let text = error.to_string();
        let (reason, hint) = match text.split_once("\nhint: ") {
            Some((reason, hint)) => (reason.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        };
        Self { phase: Phase::Loading, place: place.to_owned(), policy_set: None, reason, hint }
    }

    /// There is no version of this number.
    pub(super) fn of_version(number: u64) -> Self {
        let reason = format!("there is no version {number} of the policy set");
        Self::of_store_state(Phase::Choosing, reason, "`writ policy list` tells which there are")
    }

    /// There was no other version yet.
    pub(super) fn of_no_previous() -> Self {
        let reason = "no version decided before the one that does".to_owned();
        Self::of_store_state(
            Phase::Applying,
            reason,
            "`writ policy activate NUMBER` takes any version",
        )
    }

    /// No version decides yet, within which a binding could be tried.
    pub(super) fn of_nothing() -> Self {
        let reason = "no version decides yet".to_owned();
        Self::of_store_state(Phase::Applying, reason, "`writ policy reload` reads what files say")
    }

    /// It decides already.
    pub(super) fn of_active(number: u64) -> Self {
        let reason = format!("version {number} decides: it cannot be beside itself");
        Self::of_store_state(
            Phase::Applying,
            reason,
            "`writ policy list` tells which others there are",
        )
    }

    /// Somebody chose a version while this set was prepared.
    pub(super) fn of_overtaken(policy_set: Digest) -> Self {
        let reason = "a version was chosen while this set was prepared".to_owned();
        let hint = "`writ policy reload`, if what the files say is to decide";
        Self { policy_set: Some(policy_set), ..Self::of_store_state(Phase::Applying, reason, hint) }
    }

    /// It has no such binding.
    pub(super) fn of_binding(binding: &BindingName, number: u64) -> Self {
        let reason = format!("version {number} has no binding `{binding}`");
        let hint = format!(
            "`writ policy show {number}` tells which it has; to try the set without one, create a version without it"
        );
        Self::of_store_state(Phase::Choosing, reason, &hint)
    }

    /// Another version decides than the one within which a binding was to be tried.
    pub(super) fn of_another_within() -> Self {
        let reason = "another version decides meanwhile".to_owned();
        Self::of_store_state(Phase::Applying, reason, "try it again, within the one that does")
    }

    /// The version that decides has the same binding.
    pub(super) fn of_same_binding(binding: &BindingName, number: u64, active: u64) -> Self {
        let reason = format!(
            "binding `{binding}` of version {number} is the same as that of version {active}, which decides"
        );
        let hint = format!("`writ policy diff {active} {number}` tells what differs");
        Self::of_store_state(Phase::Applying, reason, &hint)
    }

    /// It is not rolled out in that way.
    pub(super) fn of_no_rollout(number: u64, how: &str) -> Self {
        let reason = format!("version {number} is not rolled out as {how}");
        Self::of_store_state(
            Phase::Applying,
            reason,
            "`writ policy status` tells what is rolled out",
        )
    }

    fn of_store_state(phase: Phase, reason: String, hint: &str) -> Self {
        let (place, hint) = ("the store".to_owned(), Some(hint.to_owned()));
        Self { phase, place, policy_set: None, reason, hint }
    }

    /// The version that was to be kept is not there.
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
    kept: Kept<'_>,
    (origin, config): (&Origin, &Config),
) -> Result<Candidate, Refusal> {
    let look = Files::of(origin, Some(&config.policies)).look();
    let cases = config.policies.not_emptied().and_then(|()| cases::read(&config.policies));
    let cases = cases.map_err(|error| Refusal::of(Phase::Configuration, error))?;
    checked((engine, kept), config, cases, look).await
}

async fn checked(
    (engine, kept): (&Engine, Kept<'_>),
    config: &Config,
    cases: Vec<Case>,
    look: Look,
) -> Result<Candidate, Refusal> {
    let bytes_max = config.engine.load.component_bytes_max;
    let loaded = policy_set::load_whole(engine, &config.policies, bytes_max, Some(kept)).await;
    let Whole { snapshot, components, signatures, pulled } =
        loaded.map_err(|unloaded| match unloaded {
            Unloaded::Refused(error) => Refusal::of(Phase::Loading, error),
            Unloaded::Unavailable(error) => Refusal::of_store(error),
        })?;
    // Other hosts load it from the store, and so does this one when it is rolled back to.
    kept.keep_signatures(signatures).await.map_err(Refusal::of_store)?;
    let report = cases::run(&snapshot, &cases, config.breaker).await;
    match Refusal::of_cases(snapshot.digest, &report) {
        Some(refusal) => Err(refusal),
        None => Ok(Candidate { snapshot, cases: cases.len(), components, pulled, look }),
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
        let cases = config.policies.not_emptied().and_then(|()| cases::read(&config.policies));
        let cases = cases.map_err(refused);
        (look, cases.map(|cases| (config, cases)))
    });
    let (look, read) = match read.await {
        Ok(read) => read,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let (mut config, cases) = match read {
        Ok(read) => read,
        Err(refusal) => return Prepared { look, candidate: Err(refusal) },
    };
    // Who may write the file is not to say whom else to trust or to call before somebody starts the host again.
    config.policies.trust = parts.trust.clone();
    config.policies.registries = parts.registries.clone();
    let restart = started.differing(&Fixed::of(&config));
    let candidate = checked((&parts.engine, parts.kept()), &config, cases, look.clone()).await;
    Prepared { look, candidate: candidate.map(|candidate| (candidate, restart)) }
}
