//! Committing: judge against memory, queue for the writer, wait for the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;
use writ_core::ports::Namespace;
use writ_core::{DecisionRecord, Ledger};

use crate::claim::Claim;
use crate::commit::{Accepted, Answer};
use crate::error::{CommitError, Failure};
use crate::row::{DecisionRow, JournalRow};
use crate::sealing::Sealing;
use crate::sqlite::backend::{Inner, Sqlite};
use crate::sqlite::batch::{Job, Message, Waiter};
use crate::sqlite::locks::Held;
use crate::sqlite::table::{Judgement, Loaded};
use crate::step::Step;

/// How often a commit loads what was evicted before it is called a conflict.
const LOADS_MAX: usize = 8;

/// What is to be kept, together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) decision: Option<Box<DecisionRow>>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) step: Option<Box<Step>>,
    pub(crate) journal: Vec<JournalRow>,
    /// What nobody else may touch until the writer has answered.
    pub(crate) held: Vec<Held>,
}

/// What became of a draft.
pub(crate) enum Submission {
    Queued(Answer),
    /// Something must be loaded first.
    Incomplete(Draft),
}

impl Sqlite {
    pub(crate) async fn accept(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<Accepted, CommitError> {
        Ok(Accepted(self.inner.queue(Draft::new(decision, ledgers)).await?))
    }
}

impl Draft {
    pub(crate) fn new(decision: DecisionRecord, ledgers: Vec<(Arc<Namespace>, Ledger)>) -> Self {
        let claims = Claim::of_each(ledgers);
        Self { decision: Some(Box::new(decision.into())), claims, ..Self::default() }
    }

    /// As it is to be kept, but for the decision: that is sealed with its batch.
    fn seal(&mut self, sealing: &Sealing) {
        let Self { step, journal, .. } = self;
        step.iter_mut().for_each(|step| step.execution.seal(sealing));
        journal.iter_mut().for_each(|row| row.seal(sealing));
    }
}

impl Inner {
    pub(crate) async fn queue(&self, mut draft: Draft) -> Result<Answer, CommitError> {
        draft.seal(&self.shared.sealing);
        let mut loaded = Loaded::default();
        for _ in 0..LOADS_MAX {
            // Room in the queue comes first: sending must not wait while the table is locked.
            let permit = self.messages.reserve().await.map_err(|_| Failure::closed())?;
            draft = match self.submit(permit, draft, loaded)? {
                Submission::Queued(answer) => return Ok(answer),
                Submission::Incomplete(draft) => draft,
            };
            loaded = self.load(&draft.claims).await?;
        }
        Err(self.conflict(draft.claims.into_iter().map(|claim| claim.namespace).collect()))
    }

    /// Judges a draft and queues it, in one step for everybody else.
    pub(crate) fn submit(
        &self,
        permit: mpsc::Permit<'_, Message>,
        draft: Draft,
        loaded: Loaded,
    ) -> Result<Submission, CommitError> {
        if draft.claims.is_empty() {
            // Built on nothing, so its place in the queue does not matter: no lock.
            return Ok(Submission::Queued(send(permit, draft, 0)));
        }
        let mut table = self.shared.table();
        match table.judge(&draft.claims, loaded) {
            Judgement::Accepted(sequence) => Ok(Submission::Queued(send(permit, draft, sequence))),
            Judgement::Conflict(namespaces) => Err(self.conflict(namespaces)),
            Judgement::Incomplete => Ok(Submission::Incomplete(draft)),
        }
    }

    fn conflict(&self, namespaces: Vec<Arc<Namespace>>) -> CommitError {
        self.shared.counters.conflicts.fetch_add(1, Relaxed);
        CommitError::Conflict(namespaces)
    }

    /// Loads every key of some claims, whether resident or not: loading only what is missing
    /// could go on for ever in a table too small for all.
    async fn load(&self, claims: &[Claim]) -> Result<Loaded, Failure> {
        let mut loaded = Loaded::default();
        for claim in claims {
            let namespace = &claim.namespace;
            for key in claim.keys() {
                let stamp = self.shared.table().stamp(namespace, key);
                let stored = self.shared.load(namespace, key).await?;
                loaded.keys.push((namespace.clone(), key.clone(), stamp, stored));
            }
            let account = self.shared.table().account(namespace);
            if let Err(epoch) = account {
                let usage = self.shared.load_usage(namespace).await?;
                loaded.accounts.push((namespace.clone(), epoch, usage));
            }
        }
        Ok(loaded)
    }
}

fn send(permit: mpsc::Permit<'_, Message>, draft: Draft, sequence: u64) -> Answer {
    let Draft { decision, claims, step, journal, held } = draft;
    let (waiter, answer) = Waiter::new(held);
    let writes = claims.into_iter().flat_map(|claim| claim.writes).collect();
    let job = Job { decision, writes, step, journal, sequence, ..Job::default() };
    permit.send(Message::Write(job, waiter));
    answer
}
