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
use writ_core::{BindingName, Digest, Person};
use writ_store::{KnownRollout, NewRollout, NotBegun, Occasion, RolloutEnd, RolloutStop};

use super::{Parts, Phase, REST, Refusal, Reload, Trigger};
use crate::clock::now_ms;

/// How long a guard rests between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long it rests at most before it is tried again to do as the store says.
const REST_MAX: Duration = Duration::from_secs(60);

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
}

impl Ended {
    /// What somebody or something wants.
    pub(super) fn by(because: &str, trigger: &Trigger) -> Self {
        let Occasion { by, comment, .. } = trigger.occasion();
        Self { at_ms: now_ms(), because: because.to_owned(), detail: None, by, comment }
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

    /// Rolls a version out, on every host that shares the store, in place of another that is. Whoever
    /// stops waiting does not take it back.
    ///
    /// # Errors
    /// Where there is no such version, it decides already, or does not load here; and where the store
    /// does not answer.
    pub async fn roll_out(&self, draft: Draft, trigger: &Trigger) -> Result<(), Refusal> {
        let (this, trigger) = (self.clone(), trigger.clone());
        to_its_end(async move {
            let begun = this.begin_rollout(draft, &trigger).await;
            if let Err(refusal) = &begun
                && refusal.phase == Phase::Loading
            {
                this.tell(refusal, &trigger).await;
            }
            begun
        })
        .await
    }

    async fn begin_rollout(&self, draft: Draft, trigger: &Trigger) -> Result<(), Refusal> {
        let Draft { version, binding, share_percent, by, how } = draft;
        let active = self.active().await?.map(|active| active.number);
        if active == Some(version) {
            return Err(Refusal::of_active(version));
        }
        let single = match (binding, active) {
            (None, _) => None,
            (Some(binding), Some(within)) => Some(Single { binding, of: version, within }),
            (Some(_), None) => return Err(Refusal::of_nothing()),
        };
        // Before any host is told to.
        let (version, policy_set) = match &single {
            Some(single) => self.version_with(single, trigger).await?,
            None => (version, self.ready_or_loaded(version).await?.digest),
        };
        let rollout = Rollout { version, policy_set, single, share_percent, by, how };
        let Parts { store, tenant, .. } = &self.0.parts;
        let at_ms = now_ms();
        let new = NewRollout {
            tenant: tenant.clone(),
            number: version,
            within: rollout.single.as_ref().map(|single| single.within),
            plan: serde_json::to_string(&rollout).expect("names and exact numbers"),
            occasion: trigger.occasion(),
            at_ms,
            evidence: Evidence::of_tenant(at_ms, policy_set, started(rollout, trigger)),
            replaces: Ended::by("replaced", trigger).into_end(),
        };
        let begun = store.begin_rollout(new).await.map_err(Refusal::of_store)?;
        begun.map_err(|hindrance| match hindrance {
            NotBegun::NoSuchVersion => Refusal::of_version(version),
            NotBegun::Decides => Refusal::of_active(version),
            NotBegun::Overtaken => Refusal::of_another_within(),
        })?;
        self.take_rollout().await
    }

    /// The version that differs from the one that decides in a single binding, and its digest.
    async fn version_with(
        &self,
        single: &Single,
        trigger: &Trigger,
    ) -> Result<(u64, Digest), Refusal> {
        let Single { binding, of, within } = single;
        let parts = &self.0.parts;
        let versions = parts.versions();
        let ((active, all), (_, other)) =
            (versions.read(*within).await?, versions.read(*of).await?);
        let set = all.with_one_of(&other, binding);
        let set = set.ok_or_else(|| Refusal::of_binding(binding, *of))?;
        let loaded = set.clone().load_kept((&parts.engine, parts.kept())).await;
        let loaded = loaded.map_err(Refusal::of_store)?;
        let digest = loaded.map_err(|why| Refusal::of_loading("the store", why))?.digest;
        if digest == active.policy_set {
            return Err(Refusal::of_same_binding(binding, *of, *within));
        }
        let kept = versions.keep(&set, digest, &trigger.to_try(single)).await?;
        Ok((kept.number, digest))
    }

    /// Ends the rollout of a version, on every host. Whoever stops waiting does not take it back.
    ///
    /// # Errors
    /// Where it is not rolled out in that way, and where the store does not answer.
    pub async fn stop_rollout(
        &self,
        version: u64,
        how: &'static str,
        trigger: &Trigger,
    ) -> Result<(), Refusal> {
        let (this, trigger) = (self.clone(), trigger.clone());
        to_its_end(async move {
            let found = this.rollout_of(version, how).await;
            let ended = match &found {
                Ok(found) => this.end_rollout(found.id, Ended::by("stopped", &trigger)).await,
                Err(_) => Ok(false),
            };
            // Also where somebody else has ended it: then this host may not know yet.
            this.take_rollout().await?;
            found.and(ended).map(drop)
        })
        .await
    }

    /// The rollout of a version that goes on in some way, as the store says.
    pub(super) async fn rollout_of(
        &self,
        version: u64,
        how: &'static str,
    ) -> Result<RolloutStatus, Refusal> {
        let is_meant = |known: &RolloutStatus| {
            let Rollout { version: rolled_out, how: way, .. } = &known.rollout;
            known.goes_on() && *rolled_out == version && way.name() == how
        };
        let found = self.stored_rollout().await?.filter(is_meant);
        found.ok_or_else(|| Refusal::of_no_rollout(version, how))
    }

    /// Does as the store says. Where that fails, it is tried again ([`Reload::catch_up`]).
    ///
    /// # Errors
    /// Where the version does not load here, and where the store does not answer.
    pub async fn take_rollout(&self) -> Result<(), Refusal> {
        let taken = self.try_rollout().await;
        if taken.is_err() {
            self.0.behind.notify_one();
        }
        taken
    }

    /// Tries again what could not be done as the store says, for as long as it is polled.
    pub async fn catch_up(self) {
        let mut rest = REST;
        loop {
            self.0.behind.notified().await;
            tokio::time::sleep(rest).await;
            rest = match self.take_rollout().await {
                Ok(()) => REST,
                Err(_) => REST_MAX.min(rest * 2),
            };
        }
    }

    async fn try_rollout(&self) -> Result<(), Refusal> {
        let _turn = self.0.rolling.lock().await;
        let found = self.stored_rollout().await?;
        let lapsed = self.state().lapsed;
        let wanted = found.as_ref().filter(|known| known.goes_on() && Some(known.id) != lapsed);
        let service = &self.0.parts.service;
        let held = service.in_force().beside.as_ref().map(|beside| beside.id);
        if held != wanted.map(|known| known.id) {
            service.roll_out_nothing();
        }
        let before = std::mem::replace(&mut self.state().rollout, found.clone());
        if let Some(before) = before.filter(RolloutStatus::goes_on) {
            let now = found.as_ref().filter(|now| now.id == before.id);
            self.note_end(&before, now);
        }
        match wanted {
            Some(known) if held != Some(known.id) => {
                let snapshot = self.ready_or_loaded(known.rollout.version).await?;
                service.roll_out(known.id, known.rollout.clone(), snapshot);
                log_begun(known);
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
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

    /// Counts and logs the end of what went on: here, and nowhere else.
    fn note_end(&self, before: &RolloutStatus, now: Option<&RolloutStatus>) {
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

/// Does something to its end, whether or not somebody waits for it.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The host stops.
        Err(_) => std::future::pending().await,
    }
}

fn started(rollout: Rollout, trigger: &Trigger) -> Fact {
    let Occasion { by, comment, .. } = trigger.occasion();
    Fact::RolloutStarted {
        version: rollout.version,
        policy_set: rollout.policy_set,
        how: rollout.how.name().to_owned(),
        share: format!("{}%", rollout.share_percent),
        plan: Some(Box::new(rollout)),
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
