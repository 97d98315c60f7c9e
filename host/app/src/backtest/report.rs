//! What a candidate would change: counted decision by decision, so that any number of them takes the
//! same memory.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_core::{Outcome, Requirement};
use writ_store::StoredDecision;

use crate::service::replay::{Again, Unrepeatable};

/// How many examples of each change are kept: the first ones.
const EXAMPLES_MAX: usize = 5;
/// How many groups of approvers are told apart.
const APPROVERS_MAX: usize = 100;

/// What becomes of a decision under a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is what it was.
    Same,
    /// It is denied, and was not.
    NewDenial,
    /// It may go on, and might not, or not without people.
    NewAllow,
    /// People are asked, and were not.
    NewApproval,
    /// It is denied since a policy gives no verdict, and was not.
    NewFault,
    /// A policy asks the store for something that was not recorded: nobody can tell.
    Unrecorded,
    /// What was decided cannot be decided again.
    Unrepeatable,
}

/// What a candidate would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many decisions were looked at.
    pub decisions: u64,
    /// How many of them would become what.
    pub changes: BTreeMap<Change, u64>,
    /// The first of each change.
    pub examples: BTreeMap<Change, Vec<Example>>,
    /// Who would have to give new approvals, and how many.
    pub approvers: BTreeMap<String, u64>,
    /// Fuel burnt then, by decisions that could be made again.
    pub fuel_then: u64,
    /// Fuel that the candidate burns for the same.
    pub fuel_now: u64,
}

/// One decision that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// Type and id of the subject.
    pub subject: (String, String),
    /// The action's name.
    pub action: String,
    /// The outcome's code then.
    pub then: String,
    /// The outcome's code now, or why there is none.
    pub now: String,
}

impl Change {
    /// Each, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Same,
        Self::NewDenial,
        Self::NewAllow,
        Self::NewApproval,
        Self::NewFault,
        Self::Unrecorded,
        Self::Unrepeatable,
    ];

    /// Its name, as options and reports have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::NewDenial => "new-denial",
            Self::NewAllow => "new-allow",
            Self::NewApproval => "new-approval",
            Self::NewFault => "new-fault",
            Self::Unrecorded => "unrecorded",
            Self::Unrepeatable => "unrepeatable",
        }
    }

    /// From one outcome's code to another outcome.
    fn between(then: &str, now: &Outcome) -> Self {
        let permitted = [Outcome::Allowed.code(), Outcome::Amended.code()].contains(&then);
        let asked = then == Outcome::ApprovalRequired(Vec::new()).code();
        match now {
            Outcome::Allowed | Outcome::Amended if permitted => Self::Same,
            Outcome::Allowed | Outcome::Amended => Self::NewAllow,
            Outcome::ApprovalRequired(_) if asked => Self::Same,
            Outcome::ApprovalRequired(_) => Self::NewApproval,
            Outcome::Denied(_) if !permitted && !asked => Self::Same,
            Outcome::Denied(writ_core::combine::Denial::ByFault(_)) => Self::NewFault,
            Outcome::Denied(_) => Self::NewDenial,
        }
    }
}

impl Report {
    /// Counts what became of a decision.
    pub fn add(&mut self, recorded: &StoredDecision, again: &Result<Again, Unrepeatable>) {
        let (change, now) = match again {
            Err(reason) => (Change::Unrepeatable, reason.to_string()),
            Ok(again) if again.policies.iter().any(|policy| policy.departure.is_some()) => {
                (Change::Unrecorded, "it asks for something that was not recorded".to_owned())
            }
            Ok(again) => {
                self.fuel_then += recorded.policies.iter().map(|policy| policy.fuel).sum::<u64>();
                self.fuel_now += again.policies.iter().map(|policy| policy.fuel).sum::<u64>();
                let change = Change::between(&recorded.outcome, &again.outcome);
                if change == Change::NewApproval {
                    self.ask(&again.outcome);
                }
                (change, again.outcome.code().to_owned())
            }
        };
        self.decisions += 1;
        *self.changes.entry(change).or_default() += 1;
        if change != Change::Same {
            self.keep(change, recorded, now);
        }
    }

    /// How many decisions would become so.
    pub fn count(&self, change: Change) -> u64 {
        self.changes.get(&change).copied().unwrap_or_default()
    }

    /// Adds what others have counted of the decisions after these.
    pub fn merge(&mut self, after: Self) {
        self.decisions += after.decisions;
        self.fuel_then += after.fuel_then;
        self.fuel_now += after.fuel_now;
        for (change, count) in after.changes {
            *self.changes.entry(change).or_default() += count;
        }
        for (change, examples) in after.examples {
            let kept = self.examples.entry(change).or_default();
            let room = EXAMPLES_MAX.saturating_sub(kept.len());
            kept.extend(examples.into_iter().take(room));
        }
        for (approvers, count) in after.approvers {
            self.count_approvers(approvers, count);
        }
    }

    fn keep(&mut self, change: Change, recorded: &StoredDecision, now: String) {
        let examples = self.examples.entry(change).or_default();
        if examples.len() < EXAMPLES_MAX {
            examples.push(Example {
                id: recorded.id.clone(),
                subject: recorded.subject.clone(),
                action: recorded.action.clone(),
                then: recorded.outcome.clone(),
                now,
            });
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::FaultCode;
    use writ_core::combine::Denial;

    #[test]
    fn a_change_is_told_by_what_it_means_for_who_asks() {
        let denied = Outcome::Denied(Denial::AllAbstained);
        let faulted = || {
            let faults = vec![("p".parse().unwrap(), FaultCode::Trap)];
            Outcome::Denied(Denial::ByFault(faults))
        };
        let asked = Outcome::ApprovalRequired(Vec::new());
        for (then, now, expected) in [
            ("allowed", &Outcome::Amended, Change::Same),
            ("allowed", &denied, Change::NewDenial),
            ("approval-required", &denied, Change::NewDenial),
            ("amended", &faulted(), Change::NewFault),
            ("denied-by-policy", &faulted(), Change::Same),
            ("denied-by-policy", &Outcome::Allowed, Change::NewAllow),
            ("approval-required", &Outcome::Allowed, Change::NewAllow),
            ("allowed", &asked, Change::NewApproval),
            ("approval-required", &asked, Change::Same),
        ] {
            assert_eq!(Change::between(then, now), expected, "{then}");
        }
    }

    #[test]
    fn a_change_has_the_name_that_is_written() {
        for change in Change::ALL {
            assert_eq!(serde_json::to_value(change).unwrap(), change.name());
        }
    }
}
