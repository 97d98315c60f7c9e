//! Telling why a set is not to decide.

use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::text::visible;

use super::{Failed, Parts, Refusal, Reload, Trigger};
use crate::clock::now_ms;

/// How much of a reason the chain of events tells, in characters.
const REASON_CHARS_MAX: usize = 500;

impl Reload {
    /// Tells why a set is not to decide: one line, one event, and the status.
    pub(super) async fn refuse(&self, refusal: &Refusal, trigger: &Trigger) {
        let failed = Failed::new(refusal, trigger, now_ms());
        let is_told = {
            let mut state = self.state();
            let before = state.status.failure.replace(failed);
            // What nobody asked for, tried once more, fails once more.
            trigger.by().is_none() && before.is_some_and(|before| before.is_of(refusal))
        };
        let active = self.0.parts.service.active().digest;
        if is_told {
            let reason = visible(refusal.reason());
            return tracing::debug!(%active, "the policy set is still refused: {reason}");
        }
        self.tell(refusal, trigger).await;
    }

    /// Tells why a set is refused: one line, one event.
    pub(super) async fn tell(&self, refusal: &Refusal, trigger: &Trigger) {
        let active = self.0.parts.service.active().digest;
        let by = trigger.by().map(ToString::to_string);
        let (phase, trigger_name) = (refusal.phase.name(), trigger.name());
        // It may quote files, and is one line of the log whatever they say.
        let (reason, hint) = (visible(refusal.reason()), refusal.hint.as_deref().map(visible));
        tracing::error!(%active, phase, trigger = trigger_name, by, hint, "a policy set is refused, and what decides stays as it is: {reason}");
        let fact = Fact::SetRefused {
            active,
            policy_set: refusal.policy_set,
            trigger: trigger_name.to_owned(),
            by: trigger.by().cloned(),
            phase: phase.to_owned(),
            place: refusal.place.clone(),
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        };
        // Where that fails, too, the log has it: a store that cannot be written says so itself.
        let Parts { store, tenant, .. } = &self.0.parts;
        store.tell(tenant, Evidence::of_tenant(now_ms(), active, fact)).await.ok();
    }
}
