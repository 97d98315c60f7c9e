//! A version beside the one that decides: what is wanted of it, and what is known of it.

use serde::{Deserialize, Serialize};
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::rollout::{Breach, By, How, Hundredths, OutOfBounds, Rollout};
use writ_core::{BindingName, Person};
use writ_store::{KnownRollout, Occasion, RolloutEnd};

use super::Trigger;
use crate::clock::now_ms;

/// What somebody wants rolled out.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Which version.
    pub version: u64,
    /// The binding of it that alone is meant, within the version that decides; none where all are.
    pub binding: Option<BindingName>,
    /// For which part of all requests, in percent.
    pub share_percent: Hundredths,
    /// What that is a part of.
    pub by: By,
    /// How.
    pub how: How,
}

/// A version that is rolled out, or the last that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutStatus {
    /// Its number among the tenant's.
    pub id: u64,
    /// Which, for which requests, and how.
    pub rollout: Rollout,
    /// What led to it.
    pub occasion: Occasion,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How it ended; none while it goes on.
    pub ended: Option<Ended>,
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// `stopped`, `promoted`, `replaced`, `overtaken`, or what a guard has seen exceeded.
    pub because: String,
    /// What a guard has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who wanted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Why, as they say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

impl Draft {
    /// Checks every bound.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        self.how.check(self.share_percent)
    }
}

impl RolloutStatus {
    /// Reads what the store has.
    pub(super) fn read(known: KnownRollout) -> Result<Self, serde_json::Error> {
        let KnownRollout { id, plan, occasion, at_ms, ended, .. } = known;
        let rollout = serde_json::from_str(&plan)?;
        let ended = ended.map(|ended| serde_json::from_str(&ended)).transpose()?;
        Ok(Self { id, rollout, occasion, at_ms, ended })
    }

    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }
}

impl Ended {
    /// What somebody or something wants.
    pub(super) fn by(because: &str, trigger: &Trigger) -> Self {
        let Occasion { by, comment, .. } = trigger.occasion();
        Self { at_ms: now_ms(), because: because.to_owned(), detail: None, by, comment }
    }

    pub(super) fn of_guard(breach: Breach) -> Self {
        let because = breach.measure.name().to_owned();
        let (detail, comment) = (Some(breach.detail), String::new());
        Self { at_ms: now_ms(), because, detail, by: None, comment }
    }

    /// As the store is told it.
    pub(super) fn into_end(self) -> RolloutEnd {
        let ended = serde_json::to_string(&self).expect("names, texts and a number");
        let evidence = move |known: &KnownRollout| {
            let Rollout { version, policy_set, how, .. } =
                serde_json::from_str(&known.plan).ok()?;
            let Self { at_ms, because, detail, by, comment } = self;
            let how = how.name().to_owned();
            let fact =
                Fact::RolloutEnded { version, policy_set, how, because, detail, by, comment };
            Some(Evidence::of_tenant(at_ms, policy_set, fact))
        };
        RolloutEnd { ended, evidence: Box::new(evidence) }
    }
}
