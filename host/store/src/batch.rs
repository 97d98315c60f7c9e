//! What waits for the writer, and what it makes of it: a batch, which is one transaction.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::error::Failure;
use crate::sqlite::decisions::DecisionRow;
use crate::sqlite::keys::KeyChange;
use crate::sqlite::rows::ROWS_MAX;
use crate::sqlite::storage::StorageRow;

/// Whoever waits for the disk.
pub(crate) type Waiter = oneshot::Sender<Result<(), Failure>>;

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// Make something durable.
    Write(Job),
    /// Make or end a key.
    Key(Box<KeyChange>, Waiter),
    /// Make all before this durable, and close.
    Close(Waiter),
}

/// Something to make durable, together or not at all. Without any rows it is answered once all
/// before it is durable.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) decision: Option<Box<DecisionRow>>,
    pub(crate) writes: Vec<StorageRow>,
    /// The table's sequence; 0 where the table was not asked.
    pub(crate) sequence: u64,
    /// Whether to write something that only tells whether writing works.
    pub(crate) is_probe: bool,
    pub(crate) done: Waiter,
}

/// Everything that is made durable at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) decisions: Vec<DecisionRow>,
    pub(crate) writes: Vec<StorageRow>,
    pub(crate) keys: Vec<KeyChange>,
    pub(crate) sequence: u64,
    pub(crate) is_probe: bool,
    pub(crate) waiters: Vec<Waiter>,
}

impl Batch {
    pub(crate) fn add(&mut self, job: Job) {
        self.decisions.extend(job.decision.map(|decision| *decision));
        self.writes.extend(job.writes);
        self.sequence = self.sequence.max(job.sequence);
        self.is_probe |= job.is_probe;
        self.waiters.push(job.done);
    }

    pub(crate) fn add_key(&mut self, change: KeyChange, waiter: Waiter) {
        self.keys.push(change);
        self.waiters.push(waiter);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.decisions.is_empty() && self.has_decisions_at_most()
    }

    /// Whether one statement writes it all: then that is the transaction.
    pub(crate) fn is_one_statement(&self) -> bool {
        self.decisions.len() <= ROWS_MAX && self.has_decisions_at_most()
    }

    fn has_decisions_at_most(&self) -> bool {
        self.writes.is_empty() && self.keys.is_empty() && !self.is_probe
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
