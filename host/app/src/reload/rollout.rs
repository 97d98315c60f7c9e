//! A version beside the one that decides: beginning it, ending it, and doing as the store says.
//!
//! The store says which version is rolled out, and how; every host that shares it follows. Whoever
//! begins or ends one changes the store first and then does as it says, like everybody else. But a
//! host whose guard sees that a version must decide no more lets go of it at once, and tells the store
//! as soon as that answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::rollout::{Breach, By, How, Hundredths, OutOfBounds, Rollout, Single};
use writ_core::{BindingName, Person};
use writ_store::{KnownRollout, NewRollout, Occasion, RolloutEnd, RolloutStop};

use super::{Parts, REST, Refusal, Reload, Trigger};
use crate::clock::now_ms;

/// How long a guard rests between two looks.
const LOOK: Duration = Duration::from_millis(100);

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
    fn read(known: KnownRollout) -> Result<Self, serde_json::Error> {
        let KnownRollout { id, plan, occasion, at_ms, ended, .. } = known;
        let rollout = serde_json::from_str(&plan)?;
        let ended = ended.map(|ended| serde_json::from_str(&ended)).transpose()?;
        Ok(Self { id, rollout, occasion, at_ms, ended })
    }

    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }

    /// The single binding that is tried by it, while it goes on.
    fn tried(&self) -> Option<(u64, &Single)> {
        self.rollout.single.as_ref().filter(|_| self.goes_on()).map(|single| (self.id, single))
    }
}

impl Ended {
    /// What somebody or something wants.
    pub(super) fn by(because: &str, trigger: &Trigger) -> Self {
        let Occasion { by, comment, .. } = trigger.occasion();
        Self { at_ms: now_ms(), because: because.to_owned(), detail: None, by, comment }
    }

    /// Another version decides than the one within which a binding is tried.
    fn overtaken() -> Self {
        Self::by("overtaken", &Trigger::Follow)
    }

    fn of_guard(breach: Breach) -> Self {
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

impl Reload {
    /// The version that is rolled out, or the last that was.
    pub fn rollout(&self) -> Option<RolloutStatus> {
        self.state().rollout.clone()
    }

    /// Rolls a version out, on every host that shares the store, in place of another that is.
    ///
    /// # Errors
    /// Where there is no such version, it decides already, or does not load here; and where the store
    /// does not answer.
    pub async fn roll_out(&self, draft: Draft, trigger: &Trigger) -> Result<(), Refusal> {
        let Draft { version, binding, share_percent, by, how } = draft;
        let active = self.active().await?.map(|active| active.number);
        if active == Some(version) {
            return Err(Refusal::of_active(version));
        }
        let single = binding.zip(active).map(|(binding, within)| {
            let of = version;
            Single { binding, of, within }
        });
        let version = match &single {
            Some(single) => self.version_with(single, trigger).await?,
            None => version,
        };
        // Before any host is told to.
        let policy_set = self.ready_or_loaded(version).await?.digest;
        let rollout = Rollout { version, policy_set, single, share_percent, by, how };
        let Parts { store, tenant, .. } = &self.0.parts;
        let at_ms = now_ms();
        let new = NewRollout {
            tenant: tenant.clone(),
            number: version,
            plan: serde_json::to_string(&rollout).expect("names and exact numbers"),
            occasion: trigger.occasion(),
            at_ms,
            evidence: Evidence::of_tenant(at_ms, policy_set, started(&rollout, trigger)),
            replaces: Ended::by("replaced", trigger).into_end(),
        };
        let begun = store.begin_rollout(new).await.map_err(Refusal::of_store)?;
        begun.ok_or_else(|| Refusal::of_version(version))?;
        self.take_rollout().await
    }

    /// The version that differs from the one that decides in a single binding.
    async fn version_with(&self, single: &Single, trigger: &Trigger) -> Result<u64, Refusal> {
        let Single { binding, of, within } = single;
        let versions = self.0.parts.versions();
        let ((active, all), (_, other)) =
            (versions.read(*within).await?, versions.read(*of).await?);
        if all.binding(binding).or(other.binding(binding)).is_none() {
            return Err(Refusal::of_binding(binding, *of, *within));
        }
        let set = all.with_one_of(&other, binding);
        let digest = set.digest().map_err(|error| Refusal::of_loading("the store", error))?;
        if digest == active.policy_set {
            return Err(Refusal::of_same_binding(binding, *of, *within));
        }
        // Both versions have brought their components.
        Ok(versions.keep(&set, digest, Vec::new(), trigger).await?.number)
    }

    /// Ends the rollout of a version, on every host.
    ///
    /// # Errors
    /// Where it is not rolled out in that way, and where the store does not answer.
    pub async fn stop_rollout(
        &self,
        version: u64,
        how: &'static str,
        trigger: &Trigger,
    ) -> Result<(), Refusal> {
        let is_meant = |known: &RolloutStatus| {
            let Rollout { version: rolled_out, how: way, .. } = &known.rollout;
            known.goes_on() && *rolled_out == version && way.name() == how
        };
        let found = self.stored_rollout().await?.filter(is_meant);
        let found = found.ok_or_else(|| Refusal::of_no_rollout(version, how))?;
        self.end_rollout(found.id, Ended::by("stopped", trigger)).await?;
        self.take_rollout().await
    }

    /// Does as the store says.
    ///
    /// # Errors
    /// Where the version does not load here, and where the store does not answer.
    pub async fn take_rollout(&self) -> Result<(), Refusal> {
        let _turn = self.0.rolling.lock().await;
        let found = self.rollout_that_holds().await?;
        let lapsed = self.state().lapsed;
        let wanted = found.as_ref().filter(|known| known.goes_on() && Some(known.id) != lapsed);
        let service = &self.0.parts.service;
        let held = service.in_force().beside.as_ref().map(|beside| beside.id);
        match wanted {
            Some(known) if held != Some(known.id) => {
                let snapshot = self.ready_or_loaded(known.rollout.version).await?;
                service.roll_out(known.id, known.rollout.clone(), snapshot);
                log_begun(known);
            }
            Some(_) => {}
            None => service.roll_out_nothing(),
        }
        let before = std::mem::replace(&mut self.state().rollout, found.clone());
        if let Some(before) = before.filter(RolloutStatus::goes_on) {
            let now = found.filter(|now| now.id == before.id);
            self.note_end(&before, now);
        }
        Ok(())
    }

    /// Looks whenever a version that decides for some has decided, for as long as it is polled.
    pub async fn guard(self) {
        let service = &self.0.parts.service;
        loop {
            service.canary_has_decided().await;
            if let Some((id, breach)) = service.breach() {
                self.withdraw(id, breach).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Lets go of a version at once, and has all hosts do so as soon as the store answers.
    async fn withdraw(&self, id: u64, breach: Breach) {
        self.state().lapsed = Some(id);
        self.0.parts.service.roll_out_nothing();
        let ended = Ended::of_guard(breach);
        while let Err(refusal) = self.end_rollout(id, ended.clone()).await {
            tracing::debug!("the end of a rollout is not recorded yet: {refusal}");
            tokio::time::sleep(REST).await;
        }
        while self.take_rollout().await.is_err() {
            tokio::time::sleep(REST).await;
        }
    }

    async fn end_rollout(&self, id: u64, ended: Ended) -> Result<bool, Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        let stop = RolloutStop { tenant: tenant.clone(), id, end: ended.into_end() };
        store.end_rollout(stop).await.map_err(Refusal::of_store)
    }

    async fn stored_rollout(&self) -> Result<Option<RolloutStatus>, Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        let known = store.rollout(tenant).await.map_err(Refusal::of_store)?;
        let read = known.map(RolloutStatus::read).transpose();
        read.map_err(|error| Refusal::of_loading("the store", error))
    }

    /// What the store says, once a binding is tried no more within a version that no longer decides.
    async fn rollout_that_holds(&self) -> Result<Option<RolloutStatus>, Refusal> {
        let found = self.stored_rollout().await?;
        let Some((id, single)) = found.as_ref().and_then(RolloutStatus::tried) else {
            return Ok(found);
        };
        if self.active().await?.is_some_and(|active| active.number == single.within) {
            return Ok(found);
        }
        self.end_rollout(id, Ended::overtaken()).await?;
        self.stored_rollout().await
    }

    /// Counts and logs the end of what went on: here, and nowhere else.
    fn note_end(&self, before: &RolloutStatus, now: Option<RolloutStatus>) {
        let ended = match now {
            Some(RolloutStatus { ended: None, .. }) => return,
            Some(RolloutStatus { ended: Some(ended), .. }) => Some(ended),
            None => None,
        };
        let because = ended.as_ref().map_or("replaced", |ended| ended.because.as_str());
        self.0.parts.service.metrics().rollout_ended(because);
        let (version, how) = (before.rollout.version, before.rollout.how.name());
        match ended.as_ref().and_then(|ended| ended.detail.as_deref()) {
            Some(seen) => tracing::error!(
                version,
                how,
                because,
                seen,
                "a version decides no more: it exceeded what its guard allows"
            ),
            None => tracing::info!(version, how, because, "a version is rolled out no more"),
        }
    }
}

fn started(rollout: &Rollout, trigger: &Trigger) -> Fact {
    let Rollout { version, policy_set, share_percent, how, .. } = rollout;
    let Occasion { by, comment, .. } = trigger.occasion();
    Fact::RolloutStarted {
        version: *version,
        policy_set: *policy_set,
        how: how.name().to_owned(),
        share: format!("{share_percent}%"),
        by,
        comment,
    }
}

fn log_begun(known: &RolloutStatus) {
    let Rollout { version, share_percent, how, .. } = &known.rollout;
    let by = known.occasion.by.as_ref().map(ToString::to_string);
    let (how, share_percent) = (how.name(), f64::from(*share_percent));
    tracing::info!(version, how, share_percent, by, "a version is rolled out");
}
