//! A step of an execution: all rows that its new state needs, made where the step was made and not
//! on the one connection that writes.

use std::collections::{BTreeSet, HashMap};

use writ_core::chain::Evidence;
use writ_core::execution::{Fact, Transition};
use writ_core::{Digest, Execution, Tenant};

use crate::error::Failure;
use crate::execution::{Created, IdempotencyKey};
use crate::row::{ApprovalRow, AskedRow, ExecutionRow, HistoryRow, IdempotencyRow, WorkRow};

/// At which version executions are; one that is not there has none.
pub(crate) type Versions = HashMap<(Tenant, String), u64>;

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
    /// Whether its tool is to be run, where that changes.
    pub(crate) work: Option<WorkRow>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) idempotency: Vec<IdempotencyRow>,
}

impl Step {
    pub(crate) fn created(created: Created) -> Self {
        let Created { execution, facts, at_ms, idempotency } = created;
        let row = |key: IdempotencyKey| IdempotencyRow::new(&execution, key);
        let idempotency = idempotency.into_iter().map(row).collect();
        Self { idempotency, ..Self::new(None, &execution, facts, at_ms) }
    }

    pub(crate) fn changed(before: &Execution, transition: &Transition, at_ms: u64) -> Self {
        Self::new(Some(before), &transition.next, transition.facts.clone(), at_ms)
    }

    fn new(before: Option<&Execution>, next: &Execution, facts: Vec<Fact>, at_ms: u64) -> Self {
        let execution = ExecutionRow::from(next);
        let state = Digest::of(&execution.body);
        let evidence = |fact| Evidence {
            at_ms,
            execution: next.id.clone(),
            version: next.version,
            state,
            fact,
        };
        let (was_asked, is_asked) = (before.map(asked).unwrap_or_default(), asked(next));
        Self {
            follows: before.map(|before| before.version),
            approvals: ApprovalRow::of_changed(before, next),
            history: HistoryRow::of_new(before, next),
            asked: is_asked.difference(&was_asked).cloned().collect(),
            unasked: was_asked.difference(&is_asked).cloned().collect(),
            work: WorkRow::of_changed(before, next),
            evidence: facts.into_iter().map(evidence).collect(),
            idempotency: Vec::new(),
            execution,
        }
    }

    /// Why it cannot be taken, where its execution is not at the version that it follows. Steps of
    /// one execution are made one after the other, so somebody else has written.
    pub(crate) fn mismatch(&self, versions: &Versions) -> Option<Failure> {
        let ExecutionRow { tenant, id, .. } = &self.execution;
        let found = versions.get(&(tenant.clone(), id.clone())).copied();
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
