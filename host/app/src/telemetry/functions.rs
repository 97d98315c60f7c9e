//! The label `function_name`: action names, of which only so many are told apart.
//!
//! An action's name comes from the caller, so its values are not a closed set. The first
//! [`NAMES_MAX`] plain names get a series of their own; all others share `other`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec};
use writ_core::Outcome;

/// How many names have series of their own.
pub const NAMES_MAX: usize = 64;
/// How long such a name may be, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The label of all other names.
pub const OTHER: &str = "other";

/// Counters by action name and outcome.
#[derive(Debug)]
pub struct Functions {
    executions: IntCounterVec,
    other: Arc<Function>,
    // Guards the names that were seen so far. Written at most NAMES_MAX times in all.
    known: RwLock<HashMap<String, Arc<Function>>>,
}

/// The counters of one name.
#[derive(Debug)]
pub struct Function {
    /// The label's value.
    pub name: String,
    statuses: Vec<IntCounter>,
}

impl Functions {
    /// Counts in a vector with the labels `function_name` and `status`.
    pub fn new(executions: IntCounterVec) -> Self {
        let other = Arc::new(Function::new(&executions, OTHER));
        Self { executions, other, known: RwLock::default() }
    }

    /// The counters of an action's name.
    pub fn of(&self, action: &str) -> Arc<Function> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(action) {
            Some(function) => function.clone(),
            None if known.len() >= NAMES_MAX || !is_plain(action) => self.other.clone(),
            None => {
                drop(known);
                self.learn(action)
            }
        }
    }

    fn learn(&self, action: &str) -> Arc<Function> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NAMES_MAX && !known.contains_key(action) {
            return self.other.clone();
        }
        let new = || Arc::new(Function::new(&self.executions, action));
        known.entry(action.to_owned()).or_insert_with(new).clone()
    }
}

impl Function {
    fn new(executions: &IntCounterVec, name: &str) -> Self {
        let status = |code: &&str| executions.with_label_values(&[name, code]);
        Self { name: name.to_owned(), statuses: Outcome::CODES.iter().map(status).collect() }
    }

    /// Counts one decision.
    pub fn count(&self, outcome: &Outcome) {
        self.statuses[outcome_index(outcome)].inc();
    }
}

/// The place of an outcome's code in [`Outcome::CODES`].
pub(super) fn outcome_index(outcome: &Outcome) -> usize {
    let code = outcome.code();
    let index = Outcome::CODES.iter().position(|known| *known == code);
    index.expect("CODES holds every outcome's code")
}

fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name != OTHER && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Opts, core::Collector};

    fn functions() -> Functions {
        let labels = ["function_name", "status"];
        Functions::new(IntCounterVec::new(Opts::new("executions_total", "help"), &labels).unwrap())
    }

    #[test]
    fn names_beyond_the_bound_share_one_label() {
        let functions = functions();
        for index in 0..1_000 {
            functions.of(&format!("action-{index}")).count(&Outcome::Allowed);
        }
        assert_eq!(functions.of("action-0").name, "action-0");
        assert_eq!(functions.of("action-999").name, OTHER);
        let series = functions.executions.collect()[0].get_metric().len();
        assert_eq!(series, (NAMES_MAX + 1) * Outcome::CODES.len());
    }

    #[test]
    fn a_name_that_is_not_plain_gets_no_label_of_its_own() {
        let functions = functions();
        for name in ["", "with space", "new\nline", "é", &"x".repeat(65), OTHER] {
            assert_eq!(functions.of(name).name, OTHER, "{name}");
        }
    }
}
