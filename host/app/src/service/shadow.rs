//! A version that is asked on the side: what the set that decides was asked goes into a queue, is
//! decided once more, and compared.
//!
//! Nothing waits for it. What finds the queue full is dropped and counted. It sees storage as the
//! decision did ([`before`]), keeps nothing, and is heard by its counts and a few examples alone.

mod before;
mod report;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use writ_core::{Json, Outcome, Request};
use writ_engine::Execution;

use super::change::Change;
use super::decide::Deciding;
use super::round::{Asked, Ledgers, Round, Rounds};
use super::{Active, Recording};
use crate::background::Background;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::ShadowMetrics;
use before::Before;
pub use report::{Example, Report, Said};

/// How many decisions may wait to be decided once more.
const QUEUED_MAX: usize = 1_024;
/// How many bytes of requests may wait.
const QUEUED_BYTES_MAX: usize = 16 << 20;

/// A version that is asked on the side.
pub struct Shadow {
    queue: Sender<Seen>,
    room: Arc<Semaphore>,
    // Guards the counts and examples; held to add one or to copy them, never across an await.
    report: Arc<Mutex<Report>>,
    metrics: ShadowMetrics,
    _asking: Background,
}

/// A decision, as it was made.
struct Seen {
    id: String,
    execution: Arc<Execution>,
    /// What was asked, before any policy amended it.
    request: Request,
    outcome: Outcome,
    /// The action's properties, as policies amended them.
    properties: Json,
    /// What it read and wrote.
    ledgers: Ledgers,
    /// Whether it was the first about its execution.
    is_first: bool,
    _room: OwnedSemaphorePermit,
}

/// What decides once more.
struct Asking {
    set: Arc<Active>,
    rounds: Rounds,
    report: Arc<Mutex<Report>>,
    metrics: ShadowMetrics,
}

impl Shadow {
    /// A version that is asked from now on about what is decided by rounds.
    pub(super) fn new(rounds: &Rounds, set: Arc<Active>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED_MAX);
        let report = Arc::new(Mutex::new(Report::default()));
        let (metrics, rounds) = (rounds.metrics.shadow().clone(), rounds.aside());
        let asking = Asking { set, rounds, report: report.clone(), metrics: metrics.clone() };
        let room = Arc::new(Semaphore::new(QUEUED_BYTES_MAX));
        let asking =
            Background::start(asking.run(waiting).with_subscriber(NoSubscriber::default()));
        Self { queue, room, report, metrics, _asking: asking }
    }

    /// What was seen since it began on this host.
    pub fn report(&self) -> Report {
        lock(&self.report).clone()
    }

    pub(super) fn learn(&self, deciding: &Deciding<'_>, round: &mut Round) {
        let is_taken =
            self.seen(deciding, round).is_some_and(|seen| self.queue.try_send(seen).is_ok());
        if !is_taken {
            lock(&self.report).dropped += 1;
            self.metrics.dropped();
        }
    }

    /// A decision as it is queued; none where there is no room for it.
    fn seen(&self, deciding: &Deciding<'_>, round: &mut Round) -> Option<Seen> {
        let ledgers = round.before.iter().map(|(_, ledger)| ledger.bytes());
        let bytes = u32::try_from(round.request.bytes() + ledgers.sum::<usize>()).ok()?;
        let room = self.room.clone().try_acquire_many_owned(bytes.max(1)).ok()?;
        let execution = deciding.execution().clone();
        Some(Seen {
            id: deciding.id().to_owned(),
            is_first: deciding.id() == execution.id,
            execution,
            request: deciding.asked(&round.request),
            outcome: round.outcome.clone(),
            properties: round.request.action.properties.clone(),
            ledgers: std::mem::take(&mut round.before),
            _room: room,
        })
    }
}

impl Asking {
    async fn run(self, mut waiting: Receiver<Seen>) {
        while let Some(seen) = waiting.recv().await {
            self.once_more(seen).await;
        }
    }

    async fn once_more(&self, seen: Seen) {
        let Seen { id, execution, request, outcome, properties, ledgers, is_first, _room } = seen;
        let rounds = self.rounds.as_of(Before { ledgers, execution: execution.clone(), is_first });
        let asked = Asked { active: &self.set, execution: &execution, digest: request.digest() };
        let round = rounds.round(asked, request).await;
        let now = (&round.outcome, &round.request.action.properties);
        let change = Change::between((&outcome, &properties), now);
        let example = || Example::new(id, &round.request, (&outcome, &round.outcome));
        lock(&self.report).add(change, example);
        self.metrics.compared(change);
    }
}

impl Rounds {
    /// Rounds on the side: nobody is told what they count, and nothing is kept of them.
    fn aside(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            approvals: self.approvals.clone(),
            recording: Recording::Digest,
            metrics: Arc::new(Metrics::new()),
            started: self.started,
        }
    }

    /// The same, for one decision that sees storage as another did.
    fn as_of(&self, before: Before) -> Self {
        let before = Arc::new(before.over(self.storage.clone(), self.approvals.clone()));
        let (storage, approvals) = (before.clone(), before);
        let Self { recording, ref metrics, started, .. } = *self;
        Self { storage, approvals, recording, metrics: metrics.clone(), started }
    }
}

fn lock(report: &Mutex<Report>) -> MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}
