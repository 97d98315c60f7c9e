//! Rolling a version out beside the one that decides, and ending that.
//!
//! Whoever begins or ends a rollout changes the store first and then does as it says, like everybody
//! else.

use writ_core::Digest;
use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::rollout::{Rollout, Single};
use writ_store::{NewRollout, NotBegun, Occasion};

use super::{Draft, Ended, Parts, Phase, Refusal, Reload, RolloutStatus, Trigger};
use crate::background::to_its_end;
use crate::clock::now_ms;

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
