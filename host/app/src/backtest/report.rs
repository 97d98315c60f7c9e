//! What a candidate would change: counted decision by decision, so that any number of them takes the
//! same memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use writ_core::combine::Denial;
use writ_core::{Digest, Mode, Outcome, Requirement};
use writ_store::StoredDecision;

use crate::service::change::Change;
use crate::service::replay::{Again, Unrepeatable, verdict};

/// How many examples of each change are kept: the first ones.
const EXAMPLES_MAX: usize = 5;
/// How many groups of approvers are told apart.
const APPROVERS_MAX: usize = 100;

/// What a candidate would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Backtest)]
pub struct Report {
    /// Digest of the candidate.
    #[schema(value_type = String)]
    pub policy_set: Digest,
    /// Whether all that was asked for was looked at.
    #[serde(rename = "complete")]
    pub is_complete: bool,
    /// How many decisions were looked at.
    pub decisions: u64,
    /// How many of them would become what.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub changes: BTreeMap<Change, u64>,
    /// The oldest of each change.
    #[schema(value_type = BTreeMap<String, Vec<Example>>)]
    pub examples: BTreeMap<Change, Vec<Example>>,
    /// Who would have to give new or other approvals, and in how many stages; beyond 100 groups,
    /// `others`.
    pub approvers: BTreeMap<String, u64>,
    /// Fuel burnt then, by decisions that could be made again; 2^64 - 1 stands for more.
    pub fuel_then: u64,
    /// Fuel that the candidate burns for the same.
    pub fuel_now: u64,
}

/// One decision that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestExample)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// Type and id of the subject.
    #[schema(value_type = Vec<String>)]
    pub subject: (String, String),
    /// The action's name.
    pub action: String,
    /// The outcome's code then.
    pub then: String,
    /// The outcome's code now, or why there is none.
    pub now: String,
    /// The policies that say something else.
    pub policies: Vec<Turn>,
}

/// A policy that says something else than then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BacktestVerdict)]
pub struct Turn {
    /// Its binding.
    pub binding: String,
    /// What it said, with its reason; absent where it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// What it says, with its reason; absent where it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

/// What becomes of a decision that can be made again.
fn change(recorded: &StoredDecision, again: &Again) -> Change {
    let (code, outcome) = (recorded.outcome.as_str(), &again.outcome);
    match Change::of_code(code, outcome) {
        Change::Same => {}
        change => return change,
    }
    // What decided is told by the verdicts of one name.
    let (verdict, other) = match outcome {
        Outcome::Allowed | Outcome::Amended => ("amend", Change::OtherAction),
        Outcome::ApprovalRequired(_) => ("require-approval", Change::OtherRequirement),
        Outcome::Denied(_) if code != outcome.code() => return Change::OtherReason,
        Outcome::Denied(Denial::ByFault(_)) => ("fault", Change::OtherReason),
        Outcome::Denied(_) => ("deny", Change::OtherReason),
    };
    let then = recorded.policies.iter();
    let then = then.filter(|said| said.mode == Mode::Enforce && said.verdict == verdict);
    let then = then.map(|said| (&said.binding, (said.reason.as_deref(), said.particulars)));
    let now = again.policies.iter();
    let now = now.filter(|says| says.mode == Mode::Enforce && says.name() == verdict);
    let now = now.map(|says| (&says.binding, (says.reason(), says.particulars())));
    if then.eq(now) { Change::Same } else { other }
}

/// Whether an outcome rests on what was not recorded: what does not count may.
fn departs(again: &Again) -> bool {
    let mut enforced = again.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
    enforced.any(|policy| policy.departure.is_some())
}

impl Report {
    /// Of no decision yet, by the candidate of a digest.
    pub fn of(policy_set: Digest) -> Self {
        Self {
            policy_set,
            is_complete: true,
            decisions: 0,
            changes: BTreeMap::new(),
            examples: BTreeMap::new(),
            approvers: BTreeMap::new(),
            fuel_then: 0,
            fuel_now: 0,
        }
    }

    /// Counts what became of a decision.
    pub fn add(&mut self, recorded: &StoredDecision, again: &Result<Again, Unrepeatable>) {
        let (change, now) = match again {
            Err(reason) => (Change::Unrepeatable, reason.to_string()),
            Ok(again) if departs(again) => {
                (Change::Unrecorded, "it asks for something that was not recorded".to_owned())
            }
            Ok(again) => {
                let (then, now) = (&recorded.policies, &again.policies);
                add(&mut self.fuel_then, then.iter().map(|policy| policy.fuel));
                add(&mut self.fuel_now, now.iter().map(|policy| policy.fuel));
                let change = change(recorded, again);
                if matches!(change, Change::NewApproval | Change::OtherRequirement) {
                    self.ask(&again.outcome);
                }
                (change, again.outcome.code().to_owned())
            }
        };
        self.decisions += 1;
        *self.changes.entry(change).or_default() += 1;
        if change != Change::Same {
            let policies = again.as_ref().map(|again| turns(recorded, again));
            self.keep(change, recorded, now, policies.unwrap_or_default());
        }
    }

    /// Counts a decision that does not read back.
    pub fn add_unreadable(&mut self) {
        self.decisions += 1;
        *self.changes.entry(Change::Unrepeatable).or_default() += 1;
    }

    /// How many decisions would become so.
    pub fn count(&self, change: Change) -> u64 {
        self.changes.get(&change).copied().unwrap_or_default()
    }

    /// Adds what was counted of other decisions: in whichever order, the sum is the same.
    pub fn merge(&mut self, others: Self) {
        self.is_complete &= others.is_complete;
        self.decisions += others.decisions;
        add(&mut self.fuel_then, [others.fuel_then]);
        add(&mut self.fuel_now, [others.fuel_now]);
        for (change, count) in others.changes {
            *self.changes.entry(change).or_default() += count;
        }
        for (change, examples) in others.examples {
            examples.into_iter().for_each(|example| self.insert(change, example));
        }
        for (approvers, count) in others.approvers {
            self.count_approvers(approvers, count);
        }
    }

    fn keep(
        &mut self,
        change: Change,
        recorded: &StoredDecision,
        now: String,
        policies: Vec<Turn>,
    ) {
        let example = Example {
            id: recorded.id.clone(),
            subject: recorded.subject.clone(),
            action: recorded.action.clone(),
            then: recorded.outcome.clone(),
            now,
            policies,
        };
        self.insert(change, example);
    }

    /// Keeps the examples of the lowest ids.
    fn insert(&mut self, change: Change, example: Example) {
        let examples = self.examples.entry(change).or_default();
        let at = examples.partition_point(|kept| kept.id < example.id);
        examples.insert(at, example);
        examples.truncate(EXAMPLES_MAX);
    }

    fn ask(&mut self, outcome: &Outcome) {
        let Outcome::ApprovalRequired(required) = outcome else { return };
        let stages = |(_, requirement): &(_, Requirement)| requirement.stages.clone();
        let groups: Vec<_> = required.iter().flat_map(stages).collect();
        for stage in groups {
            self.count_approvers(stage.approvers.join(" or "), 1);
        }
    }

    fn count_approvers(&mut self, approvers: String, count: u64) {
        let is_full = self.approvers.len() >= APPROVERS_MAX;
        let named = if is_full && !self.approvers.contains_key(&approvers) {
            "others".to_owned()
        } else {
            approvers
        };
        *self.approvers.entry(named).or_default() += count;
    }
}

/// Adds amounts of fuel, which may come out of a file that somebody wrote: at most what can be told.
fn add(sum: &mut u64, amounts: impl IntoIterator<Item = u64>) {
    *sum = amounts.into_iter().fold(*sum, u64::saturating_add);
}

/// The policies that say something else than then, be it in another reason, patch or requirement.
fn turns(recorded: &StoredDecision, again: &Again) -> Vec<Turn> {
    let said = |binding: &str| {
        let record = recorded.policies.iter().find(|said| said.binding.as_str() == binding);
        record.map(|said| (verdict(&said.verdict, said.reason.as_deref()), said.particulars))
    };
    let says = |binding: &str| {
        let policy = again.policies.iter().find(|policy| policy.binding.as_str() == binding);
        policy.map(|policy| match policy.departure {
            Some(_) => ("not recorded".to_owned(), None),
            None => (policy.verdict(), policy.particulars()),
        })
    };
    let then = recorded.policies.iter().map(|said| said.binding.as_str());
    let now = again.policies.iter().map(|policy| policy.binding.as_str());
    let all: BTreeSet<&str> = then.chain(now).collect();
    let turn = |binding: &str| {
        let (then, now) = (said(binding), says(binding));
        (then != now).then(|| Turn {
            binding: binding.to_owned(),
            then: then.map(|(verdict, _)| verdict),
            now: now.map(|(verdict, _)| verdict),
        })
    };
    all.into_iter().filter_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_counted() {
        let mut report = Report::of(Digest::of("set"));
        report.add_unreadable();
        assert_eq!((report.decisions, report.count(Change::Unrepeatable)), (1, 1));
    }

    #[test]
    fn fuel_beyond_all_bounds_is_no_end_of_it() {
        let mut sum = 1;
        add(&mut sum, [u64::MAX, 7]);
        assert_eq!(sum, u64::MAX);
    }
}
