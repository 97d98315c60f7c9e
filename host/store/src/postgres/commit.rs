//! A commit: one transaction, from what it holds to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use sqlx::Transaction;
use sqlx::postgres::Postgres as Database;
use tokio::sync::oneshot;
use writ_core::ports::Namespace;
use writ_core::{DecisionRecord, Ledger, Tenant};

use super::backend::{Inner, Postgres};
use super::claims::{self, Judgement};
use super::scope::{Access, Scope};
use super::strands::{Strands, Written};
use super::{approvals, errands, events, executions, history, journal, letters, work};
use crate::claim::Claim;
use crate::commit::Accepted;
use crate::error::{CommitError, Failure, is_contended};
use crate::execution::Grounds;
use crate::points::{Keeping, Moment};
use crate::row::{DecisionRow, JournalRow, WorkerNote};
use crate::sealing::Sealing;
use crate::step::Step;

/// What is to be kept, together or not at all.
#[derive(Debug, Default)]
pub(super) struct Draft {
    decision: Option<DecisionRow>,
    claims: Vec<Claim>,
    step: Option<Box<Step>>,
    journal: Vec<JournalRow>,
    note: Option<WorkerNote>,
}

/// How much a transaction has kept.
struct Kept {
    decision: Option<Written>,
    writes: usize,
}

/// Why a transaction keeps nothing.
enum Stop {
    Conflict(Vec<Arc<Namespace>>),
    Refused(Failure),
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Draft {
    pub(super) fn of_step(step: Step, grounds: Option<Grounds>) -> Self {
        let draft = match grounds {
            Some(Grounds { decision, ledgers }) => {
                let claims = Claim::of_each(ledgers);
                Self { decision: Some(decision.into()), claims, ..Self::default() }
            }
            None => Self::default(),
        };
        Self { step: Some(Box::new(step)), ..draft }
    }

    /// What a run was answered, and what it stored.
    pub(super) fn of_run(journal: Vec<JournalRow>, ledgers: Vec<(Arc<Namespace>, Ledger)>) -> Self {
        Self { journal, claims: Claim::of_each(ledgers), ..Self::default() }
    }

    /// What a worker has done.
    pub(super) fn of_note(note: WorkerNote) -> Self {
        Self { note: Some(note), ..Self::default() }
    }

    /// As it is to be kept, but for the decision: that is sealed with its batch.
    fn seal(&mut self, sealing: &Sealing) {
        let Self { step, journal, .. } = self;
        step.iter_mut().for_each(|step| step.execution.seal(sealing));
        journal.iter_mut().for_each(|row| row.seal(sealing));
    }

    /// As it is, and what a run was answered.
    pub(super) fn recording(self, journal: Vec<JournalRow>) -> Self {
        Self { journal, ..self }
    }

    /// What it keeps, for the points that are passed.
    fn keeping(&self) -> Keeping {
        let writes = self.claims.iter().map(|claim| claim.writes.len()).sum();
        Keeping::default().and(self.step.as_deref(), writes, &self.journal)
    }
}

impl Postgres {
    /// What is built on nothing shares a transaction with others that come at the same time. What is
    /// built on something is durable before it is accepted: nobody can build on it earlier.
    pub(crate) async fn accept(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<Accepted, CommitError> {
        let tenant = decision.tenant.clone();
        let (decision, claims) = (DecisionRow::from(decision), Claim::of_each(ledgers));
        if claims.is_empty() {
            return Ok(Accepted(self.inner.queue(decision).await?));
        }
        let draft = Draft { decision: Some(decision), claims, ..Draft::default() };
        self.inner.commit(tenant, draft).await?;
        let (done, answer) = oneshot::channel();
        done.send(Ok(())).expect("the receiver is here");
        Ok(Accepted(answer))
    }
}

impl Inner {
    /// Keeps a draft of a tenant. In a task of its own, as everything that has begun to write: who
    /// stops waiting does not take it back.
    pub(super) async fn commit(
        self: &Arc<Self>,
        tenant: Tenant,
        draft: Draft,
    ) -> Result<(), CommitError> {
        let inner = self.clone();
        let committing = tokio::spawn(async move {
            let begun = inner.link.begin(Scope::Tenant(&tenant), Access::Write).await;
            let transaction = begun.map_err(|error| inner.link.failed(error))?;
            inner.finish(transaction, draft).await
        });
        committing.await.unwrap_or_else(|_| Err(Failure::closed().into()))
    }

    /// Keeps a draft in a transaction that has begun, and ends it.
    pub(super) async fn finish(
        &self,
        mut transaction: Transaction<'static, Database>,
        mut draft: Draft,
    ) -> Result<(), CommitError> {
        let started = Instant::now();
        draft.seal(&self.config.sealing);
        let claimed: Vec<_> = draft.claims.iter().map(|claim| claim.namespace.clone()).collect();
        let keeping = draft.keeping();
        keeping.pass(Moment::Begun);
        let kept = match keep(&mut transaction, &self.strands, draft).await {
            Ok(kept) => {
                keeping.pass(Moment::Written);
                transaction.commit().await.map(|()| kept).map_err(Stop::from)
            }
            Err(stop) => Err(stop),
        };
        let namespaces = match kept {
            Ok(Kept { decision, writes }) => {
                keeping.pass(Moment::Committed);
                let decisions = usize::from(decision.is_some());
                decision.into_iter().for_each(|written| self.strands.settle(written));
                self.link.counters.count_batch(decisions, writes, started.elapsed());
                return Ok(());
            }
            Err(Stop::Conflict(namespaces)) => namespaces,
            // The others go first, and then it is decided again.
            Err(Stop::Database(error)) if is_contended(&error) && !claimed.is_empty() => claimed,
            Err(Stop::Database(error)) => return Err(self.link.failed(error).into()),
            Err(Stop::Refused(failure)) => return Err(self.refused(failure).into()),
        };
        self.link.counters.conflicts.fetch_add(1, Relaxed);
        Err(CommitError::Conflict(namespaces))
    }

    fn refused(&self, failure: Failure) -> Failure {
        self.link.counters.failures.fetch_add(1, Relaxed);
        tracing::error!(error = failure.inside(), "a commit was refused");
        failure
    }
}

/// Writes all of a draft, in the order in which transactions hold things.
async fn keep(
    transaction: &mut Transaction<'static, Database>,
    strands: &Strands,
    draft: Draft,
) -> Result<Kept, Stop> {
    let Draft { decision, claims, step, journal, note } = draft;
    if let Some(step) = &step
        && !executions::keep(transaction, &step.execution, step.follows).await?
    {
        let follows = step.follows.map_or("absent".into(), |at| format!("at version {at}"));
        let inside = format!("execution `{}` is not {follows}", step.execution.id);
        return Err(Stop::Refused(Failure::damaged(inside)));
    }
    if let Some(step) = &step
        && let Some((id, version)) = &step.beside
        && !executions::stays(transaction, &step.execution.tenant, id, *version).await?
    {
        let inside = format!("execution `{id}` is not what it was");
        return Err(Stop::Refused(Failure::damaged(inside)));
    }
    let writes = match claims::keep(transaction, claims).await? {
        Judgement::Kept(writes) => writes,
        Judgement::Conflict(namespaces) => return Err(Stop::Conflict(namespaces)),
    };
    let decision = match decision {
        Some(row) => {
            let tenant = row.tenant.clone();
            Some(strands.write(transaction, &tenant, vec![row]).await?)
        }
        None => None,
    };
    journal::insert(transaction, &journal).await?;
    if let Some(note) = &note {
        errands::note(transaction, note).await?;
    }
    if let Some(step) = step {
        tell(transaction, *step).await?;
    }
    Ok(Kept { decision, writes })
}

/// Writes what finds an execution's approvals, and what has happened to it.
async fn tell(
    transaction: &mut Transaction<'static, Database>,
    step: Step,
) -> Result<(), sqlx::Error> {
    approvals::keep(transaction, &step.approvals).await?;
    approvals::ask(transaction, &step.asked, &step.unasked).await?;
    approvals::answer(transaction, &step.answered).await?;
    history::insert(transaction, &step.history).await?;
    if let Some(row) = &step.work {
        work::keep(transaction, row).await?;
    }
    if let Some(change) = &step.letter {
        letters::keep(transaction, change).await?;
    }
    errands::insert(transaction, &step.errands).await?;
    events::append(transaction, &step.execution.tenant, step.evidence).await
}
