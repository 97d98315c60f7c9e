//! What is asked on the side: a version of the set, or bindings of it whose verdict does not count.
//! What the set that decides was asked goes into a queue, is decided once more, and compared.
//!
//! Nothing waits for it. What finds the queue full is dropped and counted. It sees storage as the
//! decision did ([`before`]); what it stores itself is thrown away when it is asked no more. It is
//! heard by its counts and a few examples alone.

mod before;
mod candidate;
mod report;

use std::sync::Arc;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use writ_core::{BindingName, Json, Outcome, Request, Tenant};
use writ_engine::Execution;

use super::change::Change;
use super::decide::Deciding;
use super::ephemeral::Ephemeral;
use super::round::{Asked, Ledgers, Round, Rounds, Shadows};
use super::{Active, Recording};
use crate::background::Background;
use crate::breaker::{BreakerConfig, Path};
use crate::policy_set::Snapshot;
use crate::telemetry::Metrics;
use before::Before;
use candidate::Candidate;
pub use report::{Example, Report, Said};

/// How many decisions may wait to be decided once more.
const QUEUED_MAX: usize = 1_024;
/// How many bytes of requests may wait.
const QUEUED_BYTES_MAX: usize = 16 << 20;

/// What is asked on the side.
pub struct Shadow {
    queue: Sender<Seen>,
    room: Arc<Semaphore>,
    candidates: Arc<[Candidate]>,
    _asking: Background,
}

/// A decision, as it was made.
struct Seen {
    id: String,
    /// Who asked.
    asker: Path,
    execution: Arc<Execution>,
    /// What was asked, before any policy amended it.
    request: Request,
    outcome: Outcome,
    /// The action's properties, as policies amended them.
    properties: Json,
    /// What it read and wrote.
    ledgers: Arc<Ledgers>,
    /// Whether it was the first about its execution.
    is_first: bool,
    /// The bindings that decided.
    decided: Arc<[BindingName]>,
    _room: OwnedSemaphorePermit,
}

/// What decides once more.
struct Asking {
    candidates: Arc<[Candidate]>,
    rounds: Rounds,
}

impl Shadow {
    /// A version that is asked from now on about what is decided by rounds.
    pub(super) fn of_version(rounds: &Rounds, set: Arc<Active>) -> Self {
        Self::new(rounds, vec![Candidate::version(set, rounds.metrics.shadow())])
    }

    fn new(rounds: &Rounds, candidates: Vec<Candidate>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED_MAX);
        let candidates = Arc::<[_]>::from(candidates);
        let asking = Asking { candidates: candidates.clone(), rounds: rounds.aside() };
        let room = Arc::new(Semaphore::new(QUEUED_BYTES_MAX));
        let asking =
            Background::start(asking.run(waiting).with_subscriber(NoSubscriber::default()));
        Self { queue, room, candidates, _asking: asking }
    }

    /// What was seen of a version, or of a binding, since it began on this host; none where it is not
    /// asked on the side.
    pub fn report(&self, binding: Option<&BindingName>) -> Option<Report> {
        let found = self.candidates.iter().find(|candidate| candidate.binding() == binding);
        found.map(Candidate::report)
    }

    /// The bindings that are asked on the side.
    pub fn bindings(&self) -> impl Iterator<Item = &BindingName> {
        self.candidates.iter().filter_map(Candidate::binding)
    }

    /// Whether anything is asked on the side about a request.
    pub(super) fn concerns(&self, request: &Request) -> bool {
        self.concerned(request).next().is_some()
    }

    fn concerned<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = &'a Candidate> {
        self.candidates.iter().filter(|candidate| candidate.is_asked_about(request))
    }

    pub(super) fn learn(&self, deciding: &Deciding<'_>, round: &Round) {
        let is_taken =
            self.seen(deciding, round).is_some_and(|seen| self.queue.try_send(seen).is_ok());
        if !is_taken {
            self.concerned(&round.request).for_each(Candidate::missed);
        }
    }

    /// A decision as it is queued; none where there is no room for it.
    fn seen(&self, deciding: &Deciding<'_>, round: &Round) -> Option<Seen> {
        let ledgers = round.before.iter().map(|(_, ledger)| ledger.bytes());
        let bytes = u32::try_from(round.request.bytes() + ledgers.sum::<usize>()).ok()?;
        let room = self.room.clone().try_acquire_many_owned(bytes.max(1)).ok()?;
        let execution = deciding.execution().clone();
        Some(Seen {
            id: deciding.id().to_owned(),
            is_first: deciding.id() == execution.id,
            asker: deciding.asker(),
            execution,
            request: deciding.asked(&round.request),
            outcome: round.outcome.clone(),
            properties: round.request.action.properties.clone(),
            ledgers: round.before.clone(),
            decided: deciding.enforced().clone(),
            _room: room,
        })
    }
}

impl Asking {
    async fn run(self, mut waiting: Receiver<Seen>) {
        while let Some(seen) = waiting.recv().await {
            let asked = |candidate: &&Candidate| candidate.is_asked_about(&seen.request);
            for candidate in self.candidates.iter().filter(asked) {
                self.once_more(candidate, &seen).await;
            }
        }
    }

    async fn once_more(&self, candidate: &Candidate, seen: &Seen) {
        let Seen { execution, request, .. } = seen;
        let before = Before {
            ledgers: seen.ledgers.clone(),
            execution: execution.clone(),
            is_first: seen.is_first,
            decided: seen.decided.clone(),
        };
        let rounds = self.rounds.as_of(before, candidate.overlay());
        let (active, digest) = (candidate.set(), request.digest());
        let asked = Asked { active, execution, digest, asker: seen.asker };
        let mut round = rounds.round(asked, request.clone()).await;
        let mut ledgers = round.take_ledgers(round.outcome.permits());
        ledgers.retain(|(namespace, _)| !seen.decided.contains(&namespace.binding));
        candidate.store(&ledgers);
        let now = (&round.outcome, &round.request.action.properties);
        let change = Change::between((&seen.outcome, &seen.properties), now);
        let example =
            || Example::new(seen.id.clone(), &round.request, (&seen.outcome, &round.outcome));
        candidate.compared(change, example);
    }
}

impl Rounds {
    /// The bindings of a set whose verdict does not count: each is asked on the side, from now on, as if
    /// it alone of them did; on with what was seen `before` of those that are the same. None where all
    /// count, or what they say is told at once.
    pub(super) fn shadow(
        &self,
        snapshot: &Snapshot,
        (tenant, breaker): (&Tenant, BreakerConfig),
        before: Option<&Shadow>,
    ) -> Option<Shadow> {
        if self.shadows == Shadows::Told {
            return None;
        }
        let set = |snapshot| Active::new(snapshot, tenant, breaker, &Metrics::new());
        let before = before.map_or(&[][..], |before| &before.candidates);
        let candidates = Candidate::bindings(snapshot, set, before, self.metrics.shadow());
        (!candidates.is_empty()).then(|| Shadow::new(self, candidates))
    }

    /// Rounds on the side: nobody is told what they count, and nothing is kept of them.
    fn aside(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            approvals: self.approvals.clone(),
            recording: Recording::Digest,
            metrics: Arc::new(Metrics::new()),
            started: self.started,
            shadows: Shadows::Aside,
        }
    }

    /// The same, for one decision that sees storage as another did.
    fn as_of(&self, before: Before, overlay: Ephemeral) -> Self {
        let before = before.over(self.storage.clone(), self.approvals.clone(), overlay);
        let before = Arc::new(before);
        let (storage, approvals) = (before.clone(), before);
        let Self { recording, ref metrics, started, shadows, .. } = *self;
        Self { storage, approvals, recording, metrics: metrics.clone(), started, shadows }
    }
}
