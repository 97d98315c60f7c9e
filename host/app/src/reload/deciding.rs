//! Changing what decides: to what the files say, to a version, or to what decides elsewhere.

use writ_core::Digest;
use writ_store::{ActiveSet, Occasion};

use super::{Outcome, Parts, Refusal, Reload, Status, Trigger, Wish, pipeline};
use crate::clock::now_ms;
use crate::policy_set::Snapshot;

/// How many versions stay ready to decide, so that going back to one takes no time.
const READY_MAX: usize = 5;
/// How a version is rolled out that decides for some.
const CANARY: &str = "canary";

impl Reload {
    pub(super) async fn fulfil(&self, wish: &Wish, trigger: &Trigger) -> Outcome {
        let outcome = {
            // What files say takes its turn once it is prepared.
            let _turn = match wish {
                Wish::Files => None,
                _ => Some(self.0.deciding.lock().await),
            };
            match wish {
                Wish::Files => self.by_files(trigger).await,
                Wish::Version(number) => self.to_version(*number, None, trigger).await,
                Wish::Promoted(number) => self.to_canary(*number, trigger).await,
                Wish::Previous => self.to_previous(trigger).await,
                Wish::Active => self.to_active(trigger).await,
            }
        };
        let outcome = outcome.unwrap_or_else(Outcome::Refused);
        if let Outcome::Refused(refusal) = &outcome {
            self.refuse(refusal, trigger).await;
        }
        self.0.parts.service.metrics().reloaded(&outcome);
        // A version that decides from now on may have been rolled out.
        if matches!(outcome, Outcome::Activated(_))
            && let Err(refusal) = self.take_rollout().await
        {
            tracing::warn!("what is rolled out is not known: {refusal}");
        }
        outcome
    }

    async fn by_files(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let (before, chosen) = {
            let state = self.state();
            (state.look.clone(), state.chosen)
        };
        let prepared = pipeline::again(&self.0.parts, &self.0.started, before).await;
        let is_half = *trigger == Trigger::File && self.0.written.has_any(prepared.look.files());
        if is_half {
            // Whoever watches waits until it is closed, and asks again.
            self.state().look = prepared.look.forgotten();
            return Ok(Outcome::Unchanged(self.0.parts.service.active().digest));
        }
        self.state().look = prepared.look;
        let (candidate, restart) = prepared.candidate?;
        let _turn = self.0.deciding.lock().await;
        let service = &self.0.parts.service;
        let (digest, was) = (candidate.snapshot.digest, service.active().digest);
        // Whoever chose a version meanwhile did not mean this one.
        if digest != was && self.state().chosen != chosen {
            // It is what the files say, and no news the next time that they are read.
            self.note_files(digest).await?;
            return Err(Refusal::of_overtaken(digest));
        }
        self.warn_of_restart(&restart);
        // What files said before is no news: another version may have been chosen meanwhile.
        let is_news = self.state().files != digest || trigger.by().is_some();
        if digest == was || !is_news || !self.0.parts.leads {
            self.note_files(digest).await?;
            self.state().status.confirmed(&candidate, restart);
            tracing::debug!(%digest, trigger = trigger.name(), "the policy set is as it was");
            return Ok(Outcome::Unchanged(digest));
        }
        let (snapshot, cases) = (candidate.snapshot.clone(), candidate.cases);
        let versions = self.0.parts.versions();
        let number = versions.activate_files(candidate, Some(was), trigger).await?;
        self.state().files = digest;
        self.decide_by(number, snapshot, (cases, restart), (trigger, trigger.occasion()));
        Ok(Outcome::Activated(digest))
    }

    /// Remembers what the files say, here and for whoever starts next.
    async fn note_files(&self, files: Digest) -> Result<(), Refusal> {
        let Parts { store, tenant, leads, .. } = &self.0.parts;
        if *leads && self.state().files != files {
            store.note_set_files(tenant, files).await.map_err(Refusal::of_store)?;
        }
        self.state().files = files;
        Ok(())
    }

    /// To a version; where `only_if` is given, only while that rollout goes on.
    async fn to_version(
        &self,
        number: u64,
        only_if: Option<u64>,
        trigger: &Trigger,
    ) -> Result<Outcome, Refusal> {
        let active = self.active().await?;
        // Also who says so of the version that decides means no other.
        self.state().chosen += 1;
        if let Some(active) = active.filter(|active| active.number == number) {
            return self.take(active, trigger).await;
        }
        let snapshot = self.ready_or_loaded(number).await?;
        let (digest, was) = (snapshot.digest, self.0.parts.service.active().digest);
        let versions = self.0.parts.versions();
        let activated =
            versions.activate_version((number, only_if), (digest, was), trigger).await?;
        let number = activated.ok_or_else(|| match only_if {
            Some(_) => Refusal::of_no_rollout(number, CANARY),
            None => Refusal::of_version(number),
        })?;
        let restart = self.state().status.restart.clone();
        self.decide_by(number, snapshot, (0, restart), (trigger, trigger.occasion()));
        Ok(Outcome::Activated(digest))
    }

    async fn to_canary(&self, number: u64, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let rollout = self.rollout_of(number, CANARY).await?;
        self.to_version(number, Some(rollout.id), trigger).await
    }

    async fn to_previous(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        match self.active().await?.and_then(|active| active.previous) {
            Some(previous) => self.to_version(previous, None, trigger).await,
            None => Err(Refusal::of_no_previous()),
        }
    }

    async fn to_active(&self, trigger: &Trigger) -> Result<Outcome, Refusal> {
        match self.active().await? {
            Some(active) => self.take(active, trigger).await,
            None => Ok(Outcome::Unchanged(self.0.parts.service.active().digest)),
        }
    }

    /// Decides by the version that decides elsewhere.
    async fn take(&self, active: ActiveSet, trigger: &Trigger) -> Result<Outcome, Refusal> {
        let ActiveSet { number, occasion, .. } = active;
        let digest = self.0.parts.service.active().digest;
        if self.state().status.version == Some(number) {
            self.state().status.failure = None;
            return Ok(Outcome::Unchanged(digest));
        }
        let snapshot = self.ready_or_loaded(number).await?;
        let digest = snapshot.digest;
        let restart = self.state().status.restart.clone();
        // Somebody has chosen it elsewhere.
        self.state().chosen += 1;
        self.decide_by(number, snapshot, (0, restart), (trigger, occasion));
        Ok(Outcome::Activated(digest))
    }

    pub(super) async fn active(&self) -> Result<Option<ActiveSet>, Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        store.active_set(tenant).await.map_err(Refusal::of_store)
    }

    pub(super) async fn ready_or_loaded(&self, number: u64) -> Result<Snapshot, Refusal> {
        let ready = self.state().ready.iter().find(|(ready, _)| *ready == number).cloned();
        match ready {
            Some((_, snapshot)) => Ok(snapshot),
            None => self.0.parts.versions().load(number).await,
        }
    }

    /// Swaps the set. Everything that can fail has been done.
    fn decide_by(
        &self,
        version: u64,
        snapshot: Snapshot,
        (cases, restart): (usize, Vec<String>),
        (trigger, occasion): (&Trigger, Occasion),
    ) {
        let service = &self.0.parts.service;
        let (digest, was) = (snapshot.digest, service.active().digest);
        let bindings = snapshot.bindings.len();
        service.activate(snapshot.clone());
        let mut state = self.state();
        state.ready.retain(|(ready, _)| *ready != version);
        state.ready.push_back((version, snapshot));
        while state.ready.len() > READY_MAX {
            state.ready.pop_front();
        }
        state.status = Status {
            policy_set: digest,
            version: Some(version),
            since_ms: now_ms(),
            trigger: trigger.clone(),
            occasion,
            bindings,
            cases,
            failure: None,
            restart,
        };
        drop(state);
        let by = trigger.by().map(ToString::to_string);
        let trigger = trigger.name();
        tracing::info!(version, %digest, %was, trigger, by, bindings, cases, "another policy set decides");
    }

    /// Says once what a file now says in vain.
    fn warn_of_restart(&self, restart: &[String]) {
        if restart != self.state().status.restart && !restart.is_empty() {
            let sections = restart.join(", ");
            tracing::warn!(
                sections,
                "these sections of the configuration have changed, which needs a restart"
            );
        }
    }
}
