//! What decides now: the active set, and a version that is rolled out beside it.

use std::sync::Arc;
use std::time::Duration;

use writ_core::rollout::{Header, How, Rollout};
use writ_core::{BindingName, Digest, Request};

use super::Active;
use super::canary::Canary;
use super::decide::Deciding;
use super::round::Round;
use super::shadow::Shadow;

/// What decides now. A request takes it once and keeps it to its end.
pub struct InForce {
    /// The set that decides, where no other does.
    pub active: Arc<Active>,
    /// The version that is rolled out.
    pub beside: Option<Arc<Beside>>,
}

/// A version that is rolled out, on this host.
pub struct Beside {
    /// The rollout's number among the tenant's.
    pub id: u64,
    /// Which version, for which requests, and how.
    pub rollout: Rollout,
    /// The version's set.
    pub set: Arc<Active>,
    /// What it does.
    pub part: Part,
}

/// What a version does that is rolled out.
pub enum Part {
    /// It is asked on the side.
    Shadow(Shadow),
    /// It decides for some.
    Canary(Canary),
}

impl InForce {
    /// The set that decides a request, which bears headers.
    pub fn set_for<'h>(
        &self,
        request: &Request,
        header: impl FnOnce(&str) -> Option<&'h str>,
    ) -> &Arc<Active> {
        match &self.beside {
            Some(beside) if beside.decides(request, header) => &beside.set,
            Some(_) | None => &self.active,
        }
    }

    /// The same for a request that bears none.
    pub fn set_for_plain(&self, request: &Request) -> &Arc<Active> {
        self.set_for(request, |_| None)
    }

    /// What learns of what a set decides about a request. What is in force may have changed since the set
    /// was taken: what neither set has decided tells nothing of them.
    pub(super) fn learner(&self, decides: Digest, request: &Request) -> Option<&Arc<Beside>> {
        let beside = self.beside.as_ref()?;
        let is_in_force = [self.active.digest, beside.set.digest].contains(&decides);
        (is_in_force && beside.learns_of(decides, request)).then_some(beside)
    }

    /// The names that are bound in any set that decides.
    pub(super) fn bound(&self) -> impl Iterator<Item = &BindingName> {
        let canary = self.beside.as_ref().filter(|beside| beside.is_canary());
        self.active.names().chain(canary.into_iter().flat_map(|canary| canary.set.names()))
    }
}

impl Beside {
    /// Whether it decides for some.
    pub fn is_canary(&self) -> bool {
        matches!(self.part, Part::Canary(_))
    }

    fn decides<'h>(&self, request: &Request, header: impl FnOnce(&str) -> Option<&'h str>) -> bool {
        let How::Canary(canary) = &self.rollout.how else { return false };
        let is_marked = canary
            .header
            .as_ref()
            .is_some_and(|Header { name, value }| header(name) == Some(value.as_str()));
        is_marked || self.rollout.takes(request)
    }

    /// Whether it learns of what a set decides about a request.
    fn learns_of(&self, decides: Digest, request: &Request) -> bool {
        match self.part {
            Part::Shadow(_) => decides != self.set.digest && self.rollout.takes(request),
            Part::Canary(_) => true,
        }
    }

    /// Learns of a decision that took so long. Costs whoever is answered next to nothing.
    pub(super) fn learn(&self, deciding: &Deciding<'_>, round: &Round, took: Duration) {
        match &self.part {
            Part::Shadow(shadow) => shadow.learn(deciding, round),
            Part::Canary(canary) => {
                let is_ours = deciding.policy_set() == self.set.digest;
                canary.learn(is_ours, &round.outcome, took);
            }
        }
    }
}
