//! Doing as the store says: taking the version that decides elsewhere, and the one that is rolled out.
//!
//! The store says what decides and what is rolled out, and every host that shares it follows. But a
//! host whose guard sees that a version must decide no more lets go of it at once, and tells the store
//! as soon as that answers.

use std::time::Duration;

use writ_core::rollout::{Breach, Rollout};
use writ_store::RolloutStop;

use super::{Ended, Outcome, Parts, REST, Refusal, Reload, RolloutStatus, Trigger, Wish};

/// How long a guard rests between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long it rests at most before it is tried again to do as the store says.
const REST_MAX: Duration = Duration::from_secs(60);

impl Reload {
    /// Takes the version that decides elsewhere, whenever that is another one, for as long as it is
    /// polled. Where nobody else can make one decide, there is nothing to do.
    pub async fn follow(self) {
        let store = &self.0.parts.store;
        if !store.is_shared() {
            return;
        }
        let mut changes = store.set_changes();
        // One may have been made to decide since this host began.
        changes.mark_changed();
        let mut is_behind = false;
        while changes.changed().await.is_ok() {
            let is_taken = match self.ask(Wish::Active, Trigger::Follow).await {
                None => return,
                Some(Outcome::Refused(_)) => false,
                Some(Outcome::Activated(_) | Outcome::Unchanged(_)) => {
                    let taken = self.take_rollout().await;
                    if let Err(refusal) = &taken
                        && !is_behind
                    {
                        tracing::error!("a version that is rolled out is not here: {refusal}");
                    }
                    is_behind = taken.is_err();
                    !is_behind
                }
            };
            if !is_taken {
                tokio::time::sleep(REST).await;
                changes.mark_changed();
            }
        }
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
                let _turn = self.0.deciding.lock().await;
                // It may have ended while it was loaded: by what decides now, or by the guard.
                let now = self.stored_rollout().await?;
                let goes_on = now.is_some_and(|now| now.id == known.id && now.goes_on());
                if goes_on && self.state().lapsed != Some(known.id) {
                    service.roll_out(known.id, known.rollout.clone(), snapshot);
                    log_begun(known);
                }
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

    pub(super) async fn end_rollout(&self, id: u64, ended: Ended) -> Result<bool, Refusal> {
        let Parts { store, tenant, .. } = &self.0.parts;
        let stop = RolloutStop { tenant: tenant.clone(), id, end: ended.into_end() };
        store.end_rollout(stop).await.map_err(Refusal::of_store)
    }

    pub(super) async fn stored_rollout(&self) -> Result<Option<RolloutStatus>, Refusal> {
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

fn log_begun(known: &RolloutStatus) {
    let Rollout { version, share_percent, how, .. } = &known.rollout;
    let by = known.occasion.by.as_ref().map(ToString::to_string);
    let (how, share_percent) = (how.name(), f64::from(*share_percent));
    tracing::info!(version, how, share_percent, by, "a version is rolled out");
}
