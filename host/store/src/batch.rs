//! What waits for the writer, and what it makes of it: a batch, which is one transaction.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::error::Failure;
use crate::locks::Held;
use crate::sqlite::decisions::DecisionRow;
use crate::sqlite::rows::ROWS_MAX;
use crate::sqlite::storage::StorageRow;
use crate::step::{Step, Versions};

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// Make something durable.
    Write(Job, Waiter),
    /// Make all before this durable, and close.
    Close(Waiter),
}

/// Something to make durable, together or not at all. Without any rows it is answered once all
/// before it is durable.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) decision: Option<Box<DecisionRow>>,
    pub(crate) writes: Vec<StorageRow>,
    pub(crate) step: Option<Box<Step>>,
    /// The table's sequence; 0 where the table was not asked.
    pub(crate) sequence: u64,
    /// Whether to write something that only tells whether writing works.
    pub(crate) is_probe: bool,
}

/// Comes when a job is durable, or has failed.
pub(crate) type Answer = oneshot::Receiver<Result<(), Failure>>;

/// Whoever waits for the disk, and what nobody else may touch until then.
#[derive(Debug)]
pub(crate) struct Waiter {
    done: oneshot::Sender<Result<(), Failure>>,
    held: Vec<Held>,
}

/// Everything that is made durable at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) decisions: Vec<DecisionRow>,
    pub(crate) writes: Vec<StorageRow>,
    pub(crate) steps: Vec<Step>,
    pub(crate) sequence: u64,
    pub(crate) is_probe: bool,
}

/// Jobs that are not made durable though the disk would take them.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// By the job's place among its companions.
    pub(crate) failures: HashMap<usize, Failure>,
    /// Whether memory holds writes of theirs, on which others may be building.
    pub(crate) is_memory_ahead: bool,
}

impl Job {
    pub(crate) fn is_empty(&self) -> bool {
        self.decision.is_none() && self.writes.is_empty() && self.step.is_none() && !self.is_probe
    }
}

impl Waiter {
    pub(crate) fn new(held: Vec<Held>) -> (Self, Answer) {
        let (done, answer) = oneshot::channel();
        (Self { done, held }, answer)
    }

    pub(crate) fn answer(self, result: Result<(), Failure>) {
        drop(self.held);
        // Who no longer waits has given up on the answer, not on the commit.
        self.done.send(result).ok();
    }
}

impl Batch {
    /// Takes the jobs whose execution is at the version that they follow. The others are refused,
    /// and so is what was built on what they wanted stored: whatever was judged after it.
    pub(crate) fn admit(jobs: Vec<Job>, versions: &Versions) -> (Self, Refusals) {
        let mismatch = |job: &Job| job.step.as_ref().and_then(|step| step.mismatch(versions));
        let mut failures: HashMap<_, _> =
            jobs.iter().enumerate().filter_map(|(at, job)| Some((at, mismatch(job)?))).collect();
        let lost = failures.keys().filter_map(|at| jobs.get(*at));
        let lost = lost.filter(|job| !job.writes.is_empty()).map(|job| job.sequence).min();
        let mut batch = Self::default();
        for (at, job) in jobs.into_iter().enumerate() {
            if lost.is_some_and(|lost| job.sequence >= lost) {
                failures.entry(at).or_insert_with(Failure::built_on_refused);
            }
            if !failures.contains_key(&at) {
                batch.add(job);
            }
        }
        (batch, Refusals { failures, is_memory_ahead: lost.is_some() })
    }

    fn add(&mut self, job: Job) {
        self.decisions.extend(job.decision.map(|decision| *decision));
        self.writes.extend(job.writes);
        self.steps.extend(job.step.map(|step| *step));
        self.sequence = self.sequence.max(job.sequence);
        self.is_probe |= job.is_probe;
    }
}

/// Whether one statement writes it all: then that is the transaction.
pub(crate) fn is_one_statement(jobs: &[Job]) -> bool {
    let decides_only = |job: &Job| job.writes.is_empty() && job.step.is_none() && !job.is_probe;
    let decisions = jobs.iter().filter(|job| job.decision.is_some()).count();
    decisions <= ROWS_MAX && jobs.iter().all(decides_only)
}

/// The last write of each key.
pub(crate) fn newest(writes: Vec<StorageRow>) -> Vec<StorageRow> {
    if writes.len() < 2 {
        return writes;
    }
    let mut newest = HashMap::with_capacity(writes.len());
    for row in writes {
        newest.insert((row.namespace.clone(), row.key.clone()), row);
    }
    newest.into_values().collect()
}
