//! A step of an execution: all rows that its new state needs, made where the step was made and not
//! on the one connection that writes.

use std::collections::{BTreeSet, HashMap};

use writ_core::chain::Evidence;
use writ_core::execution::{Fact, Transition};
use writ_core::{Digest, Execution, Tenant};

use crate::error::Failure;
use crate::execution::{Created, IdempotencyKey};
use crate::row::{
    AnsweredRow, ApprovalRow, AskedRow, ErrandRow, ExecutionRow, HistoryRow, IdempotencyRow,
    LetterChange, WorkRow,
};

/// At which version executions are; one that is not there has none.
pub(crate) type Versions = HashMap<(Tenant, String), u64>;

/// What happened to a tenant and to none of its executions.
#[derive(Debug)]
pub(crate) struct TenantEvent {
    pub(crate) tenant: Tenant,
    pub(crate) evidence: Evidence,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Step {
    /// The version that the execution must still have; none where it must not be there.
    pub(crate) follows: Option<u64>,
    pub(crate) execution: ExecutionRow,
    /// Approvals that are new or in another state.
    pub(crate) approvals: Vec<ApprovalRow>,
    /// What new approvals are about.
    pub(crate) history: Vec<HistoryRow>,
    /// Who is asked from now on.
    pub(crate) asked: Vec<AskedRow>,
    /// Who is asked no more.
    pub(crate) unasked: Vec<AskedRow>,
    /// Who has answered.
    pub(crate) answered: Vec<AnsweredRow>,
    /// Whether its tool is to be run, where that changes.
    pub(crate) work: Option<WorkRow>,
    /// Whether it is a dead letter, where that changes.
    pub(crate) letter: Option<LetterChange>,
    /// What it calls for at other executions.
    pub(crate) errands: Vec<ErrandRow>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) idempotency: Vec<IdempotencyRow>,
    /// Another execution that events tell of, and the version that it must still have.
    pub(crate) beside: Option<(String, u64)>,
}

impl Step {
    pub(crate) fn created(created: Created) -> Self {
        let Created { execution, facts, at_ms, idempotency, retries } = created;
        let row = |key: IdempotencyKey| IdempotencyRow::new(&execution, key);
        let mut step = Self::new(None, &execution, facts, at_ms);
        step.idempotency = idempotency.into_iter().map(row).collect();
        if let Some((retried, retry)) = retries.zip(execution.retry.as_ref()) {
            let (by, retry) = (retry.by.clone(), execution.id.clone());
            let told = Evidence {
                at_ms,
                execution: retried.id.clone(),
                version: retried.version,
                state: Digest::of(retried.canonical()),
                fact: Fact::Retried { by, retry },
                goes_on: true,
            };
            step.evidence.insert(0, told);
            step.beside = Some((retried.id, retried.version));
        }
        step
    }

    pub(crate) fn changed(before: &Execution, transition: &Transition, at_ms: u64) -> Self {
        Self::new(Some(before), &transition.next, transition.facts.clone(), at_ms)
    }

    fn new(before: Option<&Execution>, next: &Execution, facts: Vec<Fact>, at_ms: u64) -> Self {
        let execution = ExecutionRow::from(next);
        let state = Digest::of(&execution.body);
        let last = facts.len().saturating_sub(1);
        let evidence = |(place, fact)| Evidence {
            at_ms,
            execution: next.id.clone(),
            version: next.version,
            state,
            fact,
            goes_on: place < last,
        };
        let (was_asked, is_asked) = (before.map(asked).unwrap_or_default(), asked(next));
        Self {
            follows: before.map(|before| before.version),
            approvals: ApprovalRow::of_changed(before, next),
            history: HistoryRow::of_new(before, next),
            asked: is_asked.difference(&was_asked).cloned().collect(),
            answered: AnsweredRow::of_new(before, next),
            unasked: was_asked.difference(&is_asked).cloned().collect(),
            work: WorkRow::of_changed(before, next, at_ms),
            letter: LetterChange::of_changed(before, next, at_ms),
            errands: ErrandRow::of_transition(before, next, at_ms),
            evidence: facts.into_iter().enumerate().map(evidence).collect(),
            idempotency: Vec::new(),
            beside: None,
            execution,
        }
    }

    /// Why it cannot be taken, where its execution is not at the version that it follows. Steps of
    /// one execution are made one after the other, so somebody else has written.
    pub(crate) fn mismatch(&self, versions: &Versions) -> Option<Failure> {
        let ExecutionRow { tenant, id, .. } = &self.execution;
        let found = versions.get(&(tenant.clone(), id.clone())).copied();
        let is_gone = |(id, version): &(String, u64)| {
            versions.get(&(tenant.clone(), id.clone())) != Some(version)
        };
        if let Some((other, _)) = self.beside.as_ref().filter(|beside| is_gone(beside)) {
            return Some(Failure::damaged(format!("execution `{other}` is not what it was")));
        }
        let version =
            |version: Option<u64>| version.map_or("absent".into(), |v| format!("at version {v}"));
        (found != self.follows).then(|| {
            let (found, follows) = (version(found), version(self.follows));
            Failure::damaged(format!("execution `{id}` is {found}, must be {follows}"))
        })
    }
}

fn asked(execution: &Execution) -> BTreeSet<AskedRow> {
    let rows = |approval| AskedRow::of(&execution.tenant, approval);
    execution.approvals.iter().flat_map(rows).collect()
}
