//! The policy set that decides now: a snapshot, and what the service keeps for each of its bindings.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use writ_core::ports::Namespace;
use writ_core::{BindingName, Digest, Entity, FaultCode, Mode, Person, Tenant};

use super::shadow::Shadow;
use crate::breaker::{Admitted, BreakerConfig, Breakers, End, Path, Position, WHOSE, Who};
use crate::policy_set::{Bound, Snapshot};
use crate::telemetry::{BindingMetrics, Metrics};

/// A policy set in use.
pub struct Active {
    /// Digest of the set.
    pub digest: Digest,
    pub(super) tenant: Tenant,
    pub(super) bindings: Vec<Arc<ActiveBinding>>,
    /// The names of those whose verdict counts.
    pub(super) enforced: Arc<[BindingName]>,
    /// Those whose verdict does not count, where they are asked on the side.
    pub(super) shadow: Option<Shadow>,
}

/// How many evaluations of one binding may run at once, so that a policy that waits cannot take all
/// of the engine's slots (256 by default) from the others.
const RUNNING_MAX: usize = 64;

/// One part in so many of its deadline is what a policy may have computed when its caller goes away, and it is
/// no failure. So who goes away just before the deadline is no better off than who stays.
const ABANDONED_PART: u32 = 10;

/// A binding in use.
pub(super) struct ActiveBinding {
    pub bound: Bound,
    pub namespace: Arc<Namespace>,
    pub metrics: BindingMetrics,
    /// How many may evaluate the policy at once: one that waits must leave slots to the others.
    turns: Semaphore,
    // Guards the breakers' state; held for a few instructions, never across an evaluation.
    breakers: Mutex<Breakers>,
}

/// The right to evaluate a binding once. A request whose caller has gone away drops it without an end:
/// then it settles as [`End::Unknown`], so that it does not hold the probe, or as [`End::Failure`] where
/// the policy had computed for long.
pub(super) struct Permit<'a> {
    binding: &'a ActiveBinding,
    admitted: Admitted,
    clock_ms: u64,
    computed: Duration,
    settled: bool,
}

impl Active {
    /// Puts a snapshot to use.
    pub fn new(
        snapshot: Snapshot,
        tenant: &Tenant,
        breaker: BreakerConfig,
        metrics: &Metrics,
    ) -> Self {
        let (digest, tenant) = (snapshot.digest, tenant.clone());
        let (bindings, enforced, shadow) = (Vec::new(), Arc::default(), None);
        let nothing = Self { digest, tenant, bindings, enforced, shadow };
        Self::after(&nothing, snapshot, breaker, metrics)
    }

    /// Puts a snapshot to use in place of another one. A binding that is the same in both keeps its
    /// breaker and its turns: what was learned of a policy is not forgotten with each reload.
    pub(super) fn after(
        before: &Self,
        snapshot: Snapshot,
        breaker: BreakerConfig,
        metrics: &Metrics,
    ) -> Self {
        let active = |bound: Bound| {
            let same = before.bindings.iter().find(|binding| binding.bound.is_same(&bound));
            match same {
                Some(binding) => binding.clone(),
                None => Arc::new(ActiveBinding::new(bound, &before.tenant, breaker, metrics)),
            }
        };
        let cores = snapshot.bindings.iter().map(|bound| &bound.binding);
        let enforced = cores.filter(|core| core.mode == Mode::Enforce);
        let enforced = enforced.map(|core| core.name.clone()).collect();
        let bindings = snapshot.bindings.into_iter().map(active).collect();
        let (digest, tenant) = (snapshot.digest, before.tenant.clone());
        Self { digest, tenant, bindings, enforced, shadow: None }
    }

    /// The names under which policies are bound.
    pub(super) fn names(&self) -> impl Iterator<Item = &BindingName> {
        self.bindings.iter().map(|binding| &binding.bound.binding.name)
    }

    /// How many policies are bound, whether or not their verdict counts.
    pub fn bound(&self) -> usize {
        self.bindings.len()
    }

    /// Whether a policy is bound under a name.
    pub fn binds(&self, name: &BindingName) -> bool {
        self.bindings.iter().any(|binding| binding.bound.binding.name == *name)
    }

    /// What is asked on the side of its bindings whose verdict does not count; none where there are
    /// none.
    pub fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
    }

    /// Whether no policy is bound whose verdict counts, so that everything is denied.
    pub fn denies_everything(&self) -> bool {
        self.enforced.is_empty()
    }
}

impl ActiveBinding {
    fn new(bound: Bound, tenant: &Tenant, breaker: BreakerConfig, metrics: &Metrics) -> Self {
        let name = bound.binding.name.clone();
        metrics.functions.expect(plain_names(&bound));
        let metrics = metrics.binding(&name);
        metrics.breaker(Position::Closed);
        Self {
            namespace: Arc::new(Namespace { tenant: tenant.clone(), binding: name }),
            metrics,
            turns: Semaphore::new(RUNNING_MAX),
            breakers: Mutex::new(Breakers::new(breaker)),
            bound,
        }
    }

    /// The right to evaluate the policy once for somebody; none where a breaker is open.
    pub(super) fn admit(&self, asker: Path, clock_ms: u64) -> Option<Permit<'_>> {
        let mut breakers = self.breakers();
        let before = breakers.position();
        let admitted = breakers.admit(asker, clock_ms);
        let after = breakers.position();
        drop(breakers);
        if before != after {
            self.metrics.breaker(after);
        }
        admitted.map(|admitted| Permit {
            binding: self,
            admitted,
            clock_ms,
            computed: Duration::ZERO,
            settled: false,
        })
    }

    /// A turn to evaluate the policy; none where all are taken for as long as an evaluation may take.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Some(turn);
        }
        let timeout = Duration::from_millis(self.bound.image.limits().timeout_ms);
        tokio::time::timeout(timeout, self.turns.acquire()).await.ok()?.ok()
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The end of an evaluation, which is followed for how long it computes.
    pub(super) async fn follow<T>(&mut self, evaluation: impl Future<Output = T>) -> T {
        let mut evaluation = pin!(evaluation);
        poll_fn(|context| {
            let began = Instant::now();
            let polled = evaluation.as_mut().poll(context);
            self.computed += began.elapsed();
            polled
        })
        .await
    }

    /// Nobody waits for the end any more.
    fn abandon(&mut self) {
        self.binding.metrics.abandoned();
        let deadline = Duration::from_millis(self.binding.bound.image.limits().deadline_ms);
        let end = match self.computed > deadline / ABANDONED_PART {
            true => End::Failure,
            false => End::Unknown,
        };
        self.clock_ms += self.computed.as_millis() as u64;
        self.end(end);
    }

    /// Tells how the evaluation ended, at `clock_ms`.
    pub(super) fn settle(mut self, end: End, clock_ms: u64) {
        self.clock_ms = clock_ms;
        self.end(end);
    }

    fn end(&mut self, end: End) {
        self.settled = true;
        let mut breakers = self.binding.breakers();
        let before = breakers.position();
        let moves = breakers.settle(self.admitted, end, self.clock_ms);
        let after = breakers.position();
        drop(breakers);
        if before != after {
            self.binding.metrics.breaker(after);
        }
        for (level, position) in moves.into_iter().enumerate() {
            position.into_iter().for_each(|position| self.tell(level, position));
        }
    }

    /// Counts and logs that one of [`WHOSE`] breakers was opened or closed.
    fn tell(&self, level: usize, position: Position) {
        let whose = WHOSE[level];
        let binding = self.binding.bound.binding.name.as_str();
        match position {
            Position::Open => {
                self.binding.metrics.opened(level);
                tracing::warn!(
                    binding,
                    whose,
                    "the binding is rested: its policy keeps running into its limits"
                );
            }
            Position::Closed => tracing::info!(binding, whose, "the binding is in use again"),
            Position::HalfOpen => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.abandon();
        }
    }
}

/// The actions that a binding's `match` names as they are.
fn plain_names(bound: &Bound) -> impl Iterator<Item = &str> {
    let globs = bound.matches.get("action").into_iter().flatten();
    globs.map(String::as_str).filter(|glob| !glob.contains(['*', '?']))
}

/// Who asks, as breakers tell them apart. Not the same in two processes, so that nobody can choose
/// whose name has the same hash.
pub(super) fn asker(principal: Option<&Person>, subject: &Entity) -> Path {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let principal: Who = KEYS.hash_one(principal.map(Person::folded));
    [principal, KEYS.hash_one((&subject.kind, &subject.id))]
}

/// What a fault tells the breaker: whether the policy costs more than it was given.
pub(super) fn end_of(code: FaultCode) -> End {
    match code {
        FaultCode::Trap
        | FaultCode::OutOfFuel
        | FaultCode::DeadlineExceeded
        | FaultCode::Timeout
        | FaultCode::StackOverflow
        | FaultCode::MemoryLimit
        | FaultCode::TableLimit
        | FaultCode::HandleLimit
        | FaultCode::HostCallLimit
        | FaultCode::HostCallBytesLimit
        | FaultCode::LogLimit
        | FaultCode::ResultTooLarge => End::Failure,
        // The policy answered, if wrongly: that costs nobody else anything.
        FaultCode::GuestError | FaultCode::ResultInvalid | FaultCode::AmendmentInvalid => {
            End::Success
        }
        FaultCode::ArgumentTooLarge
        | FaultCode::Nondeterminism
        | FaultCode::JournalLimit
        | FaultCode::StorageConflict
        | FaultCode::StorageUnavailable
        | FaultCode::BreakerOpen
        | FaultCode::Overloaded
        | FaultCode::Internal => End::Unknown,
    }
}
