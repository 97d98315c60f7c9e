//! What waits for the writer, and what it makes of it: a batch, which is one transaction.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::channels::ChannelChange;
use crate::commit::Answer;
use crate::error::Failure;
use crate::reseal::ResealRow;
use crate::row::{DecisionRow, JournalRow, KeyChange, StorageRow, WorkerNote};
use crate::sqlite::locks::Held;
use crate::sqlite::policies::PolicyChange;
use crate::sqlite::retention::Sweep;
use crate::step::{Step, TenantEvent, Versions};

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
    /// What a running tool was answered.
    pub(crate) journal: Vec<JournalRow>,
    /// Values that change their seal.
    pub(crate) resealed: Vec<ResealRow>,
    /// A key that is made or ended.
    pub(crate) key: Option<Box<KeyChange>>,
    /// What becomes of a channel or a dead letter.
    pub(crate) channel: Option<Box<ChannelChange>>,
    /// What a worker has done.
    pub(crate) note: Option<Box<WorkerNote>>,
    /// What is old enough to be removed.
    pub(crate) sweep: Option<Box<Sweep>>,
    /// What happened to a tenant and to none of its executions.
    pub(crate) told: Option<Box<TenantEvent>>,
    /// When it is to be told how far strands of decisions have come: now.
    pub(crate) anchors_at_ms: Option<u64>,
    /// Another policy set that decides, or a component that comes.
    pub(crate) policies: Option<Box<PolicyChange>>,
    /// The table's sequence; 0 where the table was not asked.
    pub(crate) sequence: u64,
    /// Whether to write something that only tells whether writing works.
    pub(crate) is_probe: bool,
}

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
    pub(crate) journal: Vec<JournalRow>,
    pub(crate) resealed: Vec<ResealRow>,
    pub(crate) keys: Vec<KeyChange>,
    pub(crate) channels: Vec<ChannelChange>,
    pub(crate) notes: Vec<WorkerNote>,
    pub(crate) sweeps: Vec<Sweep>,
    pub(crate) told: Vec<TenantEvent>,
    pub(crate) anchors_at_ms: Option<u64>,
    pub(crate) policies: Vec<PolicyChange>,
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
        self.decision.is_none() && self.decides_at_most()
    }

    /// Whether all that it makes durable is a decision, if anything.
    pub(crate) fn decides_at_most(&self) -> bool {
        let stores = !self.writes.is_empty() || !self.journal.is_empty();
        let stores = stores || !self.resealed.is_empty();
        let changes = self.step.is_some() || self.key.is_some();
        let notes = self.channel.is_some() || self.note.is_some() || self.sweep.is_some();
        let tells = self.told.is_some() || self.anchors_at_ms.is_some() || self.policies.is_some();
        !stores && !changes && !notes && !tells && !self.is_probe
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
        self.journal.extend(job.journal);
        self.resealed.extend(job.resealed);
        self.keys.extend(job.key.map(|key| *key));
        self.channels.extend(job.channel.map(|change| *change));
        self.notes.extend(job.note.map(|note| *note));
        self.sweeps.extend(job.sweep.map(|sweep| *sweep));
        self.told.extend(job.told.map(|told| *told));
        self.anchors_at_ms = self.anchors_at_ms.max(job.anchors_at_ms);
        self.policies.extend(job.policies.map(|change| *change));
        self.sequence = self.sequence.max(job.sequence);
        self.is_probe |= job.is_probe;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use writ_core::ledger::Stored;
    use writ_core::ports::Namespace;
    use writ_core::{Action, Entity, Execution, Json, Request, Tenant};

    use crate::execution::Created;

    /// A job that creates an execution.
    fn creating(id: &str) -> Job {
        let entity =
            || Entity { kind: "k".into(), id: "i".into(), properties: Json::empty_object() };
        let action = Action { name: "a".into(), properties: Json::empty_object() };
        let (subject, resource, context) = (entity(), entity(), Json::empty_object());
        let request = Request { subject, action, resource, context };
        let requester = "app".parse().unwrap();
        let execution =
            Execution::received(id.into(), Tenant::default(), requester, request, 1_000, 1);
        let (facts, idempotency) = (Vec::new(), Vec::new());
        let created = Created { execution, facts, at_ms: 1, idempotency, retries: None };
        Job { step: Some(Box::new(Step::created(created))), ..Job::default() }
    }

    fn writing(sequence: u64, job: Job) -> Job {
        let (tenant, binding) = (Tenant::default(), "b".parse().unwrap());
        let namespace = Arc::new(Namespace { tenant, binding });
        let write = StorageRow::new(namespace, "k".into(), Stored::ABSENT, 1);
        Job { writes: vec![write], sequence, ..job }
    }

    fn reading(sequence: u64, job: Job) -> Job {
        Job { sequence, ..job }
    }

    /// Which of some jobs are refused, where the execution `there` is there already.
    fn check(jobs: Vec<Job>, refused: &[usize], is_memory_ahead: bool) {
        let there = ((Tenant::default(), "there".to_owned()), 0);
        let (batch, refusals) = Batch::admit(jobs, &Versions::from([there]));
        let mut found: Vec<_> = refusals.failures.into_keys().collect();
        found.sort_unstable();
        assert_eq!((&found[..], refusals.is_memory_ahead), (refused, is_memory_ahead));
        assert!(batch.steps.iter().all(|step| step.execution.id != "there"));
    }

    #[test]
    fn a_step_that_does_not_follow_is_refused_alone() {
        check(vec![creating("a"), creating("there"), writing(1, creating("b"))], &[1], false);
        // What it read was no reason for anybody to build on it.
        check(vec![reading(4, creating("there")), writing(5, creating("b"))], &[0], false);
    }

    #[test]
    fn what_was_built_on_a_refused_write_is_refused_with_it() {
        let jobs = vec![
            writing(1, Job::default()),
            writing(2, creating("there")),
            reading(2, Job::default()),
            creating("a"),
            writing(3, Job::default()),
        ];
        check(jobs, &[1, 2, 4], true);
    }
}
