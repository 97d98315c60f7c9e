//! What differs between what was decided and what a version would have: counts, and a few examples.

use std::collections::{BTreeMap, VecDeque};

use writ_core::combine::Denial;
use writ_core::{BindingName, Outcome, Request};

use crate::service::change::Change;

/// How many examples of each change are kept: the last ones.
const EXAMPLES_MAX: usize = 10;

/// What was seen on this host since a version is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many decisions would become what.
    pub changes: BTreeMap<Change, u64>,
    /// The last of each change.
    pub examples: BTreeMap<Change, VecDeque<Example>>,
    /// How many decisions were not looked at, since too many waited.
    pub dropped: u64,
    /// How often what was stored on the side was forgotten, since it was too much.
    pub forgotten: u64,
}

/// One decision that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its id.
    pub id: String,
    /// Type and id of the subject.
    pub subject: (String, String),
    /// The action's name.
    pub action: String,
    /// Type and id of the resource.
    pub resource: (String, String),
    /// What was decided.
    pub then: Said,
    /// What the version would have decided.
    pub now: Said,
}

/// What was decided, without what may be nobody else's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The outcome's code.
    pub outcome: &'static str,
    /// The bindings that made it so; with the fault's code, where there was no verdict.
    pub by: Vec<String>,
}

impl Report {
    /// Counts what became of a decision.
    pub(super) fn add(&mut self, change: Change, example: impl FnOnce() -> Example) {
        *self.changes.entry(change).or_default() += 1;
        if change == Change::Same {
            return;
        }
        let examples = self.examples.entry(change).or_default();
        if examples.len() >= EXAMPLES_MAX {
            examples.pop_front();
        }
        examples.push_back(example());
    }

    /// How many decisions would become so.
    pub fn count(&self, change: Change) -> u64 {
        self.changes.get(&change).copied().unwrap_or_default()
    }
}

impl Example {
    pub(super) fn new(id: String, request: &Request, (then, now): (&Outcome, &Outcome)) -> Self {
        let (subject, action, resource) = writ_core::DecisionRecord::parties(request);
        Self { id, subject, action, resource, then: Said::of(then), now: Said::of(now) }
    }
}

impl Said {
    fn of(outcome: &Outcome) -> Self {
        let names = |names: Vec<&BindingName>| names.into_iter().map(ToString::to_string).collect();
        let by = match outcome {
            Outcome::ApprovalRequired(asked) => names(asked.iter().map(|(name, _)| name).collect()),
            Outcome::Denied(Denial::ByPolicy(by)) => {
                names(by.iter().map(|(name, _)| name).collect())
            }
            Outcome::Denied(Denial::ByFault(faults)) => {
                faults.iter().map(|(name, code)| format!("{name}: {code}")).collect()
            }
            Outcome::Allowed
            | Outcome::Amended
            | Outcome::Denied(Denial::AllAbstained | Denial::NoPolicyMatched) => Vec::new(),
        };
        Self { outcome: outcome.code(), by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: usize) -> Example {
        let said = || Said { outcome: "allowed", by: Vec::new() };
        let pair = || (String::new(), String::new());
        let (action, then, now) = (String::new(), said(), said());
        Example { id: id.to_string(), subject: pair(), action, resource: pair(), then, now }
    }

    #[test]
    fn the_last_examples_are_kept_and_all_are_counted() {
        let mut report = Report::default();
        for id in 0..25 {
            report.add(Change::NewDenial, || example(id));
            report.add(Change::Same, || panic!("what is the same is no example"));
        }
        assert_eq!((report.count(Change::NewDenial), report.count(Change::Same)), (25, 25));
        let kept: Vec<_> = report.examples[&Change::NewDenial].iter().map(|one| &*one.id).collect();
        assert_eq!((kept.len(), kept[0], kept[9]), (10, "15", "24"));
    }
}
