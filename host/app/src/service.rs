//! Deciding: evaluates the bound policies, combines what they say, and keeps the decision.
//!
//! One request goes one way: an [`Active`] set is taken once, each binding that matches is
//! evaluated in order ([`round`]), the decision is committed together with what the policies want
//! to store, and only then answered. HTTP and commands are not known here.

pub mod active;
pub mod answer;
pub mod beside;
mod canary;
pub mod change;
mod contention;
mod decide;
pub mod ephemeral;
pub mod executions;
mod keep;
pub mod recording;
pub mod records;
pub mod replay;
mod retention;
mod round;
pub mod shadow;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use writ_core::rollout::{Breach, How, Rollout};
use writ_core::{Request, Sensitive, Tenant};

use crate::breaker::BreakerConfig;
use crate::policy_set::Snapshot;
use crate::telemetry::Metrics;
use crate::tool_set::Toolbox;
pub use active::Active;
pub use answer::{Answer, Undecided};
use beside::{Beside, InForce, Part};
use canary::Canary;
pub use decide::Meta;
pub use executions::Executions;
pub use recording::Recording;
pub use records::Records;
pub use retention::Retention;
use round::{Rounds, Shadows};
use shadow::Shadow;

/// What decides: a policy set, behind a pointer that a reload swaps, and where decisions go.
pub struct Service {
    in_force: ArcSwap<InForce>,
    // Guards that what decides changes one change after the other; held to make one, never across an
    // await.
    changing: Mutex<()>,
    /// Rings when a version has decided that decides for some.
    bell: Arc<Notify>,
    breaker: BreakerConfig,
    records: Records,
    rounds: Rounds,
    tools: Arc<Toolbox>,
    contention: contention::Contention,
}

impl Service {
    /// A service that decides by `snapshot`, for the only tenant that there is so far.
    pub fn new(
        snapshot: Snapshot,
        breaker: BreakerConfig,
        records: Records,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::begin(snapshot, breaker, (records, metrics), Shadows::Aside)
    }

    /// The same for whoever tries a set out: bindings whose verdict does not count are asked with the
    /// others, and what they say is told.
    pub fn telling_shadows(
        snapshot: Snapshot,
        breaker: BreakerConfig,
        records: Records,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::begin(snapshot, breaker, (records, metrics), Shadows::Told)
    }

    fn begin(
        snapshot: Snapshot,
        breaker: BreakerConfig,
        (records, metrics): (Records, Arc<Metrics>),
        shadows: Shadows,
    ) -> Self {
        let rounds = Rounds {
            storage: records.reader(),
            approvals: records.approval_reader(),
            recording: Recording::default(),
            metrics,
            started: Instant::now(),
            shadows,
        };
        let tenant = Tenant::default();
        let shadow = rounds.shadow(&snapshot, (&tenant, breaker), None);
        let active = Active::new(snapshot, &tenant, breaker, &rounds.metrics);
        let active = Arc::new(Active { shadow, ..active });
        Self {
            in_force: ArcSwap::from_pointee(InForce { active, beside: None }),
            changing: Mutex::default(),
            bell: Arc::default(),
            breaker,
            records,
            rounds,
            tools: Arc::default(),
            contention: contention::Contention::default(),
        }
    }

    /// The same, where tools say which of their arguments must not be told.
    #[must_use]
    pub fn with_tools(self, tools: Arc<Toolbox>) -> Self {
        let names = tools.iter().map(|signature| signature.bound.name.as_str());
        self.metrics().functions.expect(names);
        Self { tools, ..self }
    }

    /// The same, where so much is kept of each decision.
    #[must_use]
    pub fn recording(self, recording: Recording) -> Self {
        Self { rounds: Rounds { recording, ..self.rounds }, ..self }
    }

    /// What must not be told of a request, by the tool that has the action's name.
    fn sensitive(&self, request: &Request) -> Arc<Sensitive> {
        let action = &request.action;
        let signature = self.tools.signature(&action.name);
        signature.map(|signature| signature.sensitive(&action.properties)).unwrap_or_default()
    }

    /// The policy set as it is now. A request takes it once and keeps it to its end.
    pub fn active(&self) -> Arc<Active> {
        self.in_force.load().active.clone()
    }

    /// The same, with the version that is rolled out beside it.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Decides by another set from now on. Requests under way keep the one that they took; bindings
    /// that are the same keep what is known of them. Called by one reload at a time.
    /// What is rolled out stays so, unless it is what decides now.
    pub fn activate(&self, snapshot: Snapshot) {
        self.change(|now| match &now.beside {
            Some(beside) if beside.set.digest == snapshot.digest => {
                let active = match beside.part {
                    Part::Canary(_) => beside.set.clone(),
                    Part::Shadow(_) => Arc::new(self.after(now, snapshot)),
                };
                InForce { active, beside: None }
            }
            beside => {
                // A single binding is tried within the set that it was tried within.
                let stays = |beside: &&Arc<Beside>| beside.rollout.single.is_none();
                let beside = beside.as_ref().filter(stays).cloned();
                InForce { active: Arc::new(self.after(now, snapshot)), beside }
            }
        });
    }

    /// Rolls a version out beside the set that decides, in place of another that is.
    pub fn roll_out(&self, id: u64, rollout: Rollout, snapshot: Snapshot) {
        self.change(|now| {
            let (set, part) = match &rollout.how {
                How::Shadow => {
                    let (tenant, uncounted) = (&now.active.tenant, Metrics::new());
                    let set = Active::new(snapshot, tenant, self.breaker, &uncounted);
                    let set = Arc::new(set);
                    (set.clone(), Part::Shadow(Shadow::of_version(&self.rounds, set)))
                }
                How::Canary(canary) => {
                    let (guard, bell) = (canary.guard.clone(), self.bell.clone());
                    let canary = Canary::new(guard, bell, self.metrics().canary().clone());
                    (Arc::new(self.after(now, snapshot)), Part::Canary(canary))
                }
            };
            let beside = Some(Arc::new(Beside { id, rollout, set, part }));
            InForce { active: now.active.clone(), beside }
        });
    }

    /// Rolls nothing out any more. Requests under way end with the set that they took.
    pub fn roll_out_nothing(&self) {
        self.change(|now| InForce { active: now.active.clone(), beside: None });
    }

    /// Waits until a version has decided that decides for some.
    pub async fn canary_has_decided(&self) {
        self.bell.notified().await;
    }

    /// What a version has exceeded that decides for some, and the number of its rollout.
    pub fn breach(&self) -> Option<(u64, Breach)> {
        let in_force = self.in_force.load();
        let beside = in_force.beside.as_ref()?;
        match &beside.part {
            Part::Canary(canary) => Some((beside.id, canary.breach()?)),
            Part::Shadow(_) => None,
        }
    }

    fn after(&self, now: &InForce, snapshot: Snapshot) -> Active {
        let shadow =
            self.rounds.shadow(&snapshot, (&now.active.tenant, self.breaker), now.active.shadow());
        let after = Active::after(&now.active, snapshot, self.breaker, self.metrics());
        Active { shadow, ..after }
    }

    /// Changes what decides; what no set binds any more is not told of any more.
    fn change(&self, next: impl FnOnce(&InForce) -> InForce) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.in_force.load_full();
        let next = Arc::new(next(&now));
        let rolled_out = next.beside.as_ref().map(|beside| &beside.rollout);
        self.metrics()
            .show_rollout(rolled_out.map(|rollout| (rollout.how.name(), rollout.version)));
        self.in_force.store(next.clone());
        for name in now.bound().filter(|name| !next.bound().any(|bound| bound == *name)) {
            self.metrics().forget_binding(name);
        }
    }

    /// When a binding is rested.
    pub fn breaker(&self) -> BreakerConfig {
        self.breaker
    }

    /// Where decisions are kept.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Counters of what the service does.
    pub fn metrics(&self) -> &Metrics {
        &self.rounds.metrics
    }
}
