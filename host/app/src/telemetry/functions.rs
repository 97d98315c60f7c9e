//! The label `function_name`: action names, of which only so many are told apart.
//!
//! An action's name comes from the caller, so its values are not a closed set. Names that the operator
//! writes are expected: the first [`NAMES_MAX`] of them have a series of their own whatever callers send;
//! so have the first [`NAMES_MAX`] others. All the rest share `other`. A series stays until the host
//! ends, so a name that is no longer expected keeps its place.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec};
use writ_core::Outcome;

/// How many names that are expected have series of their own, and how many that are not, in all the time
/// of a host.
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
    // Guards the names that are told apart. Written at most 2 * NAMES_MAX times in all.
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    functions: HashMap<String, Arc<Function>>,
    expected: usize,
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

    /// Keeps a series for each of these names, which are the operator's: [`NAMES_MAX`] in all. Further ones
    /// are like those of callers.
    pub fn expect<'a>(&self, actions: impl IntoIterator<Item = &'a str>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for action in actions.into_iter().filter(|action| is_plain(action)) {
            if known.expected < NAMES_MAX && !known.functions.contains_key(action) {
                known.expected += 1;
                known.learn(&self.executions, action);
            }
        }
    }

    /// The counters of an action's name.
    pub fn of(&self, action: &str) -> Arc<Function> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = known.functions.get(action) {
            return function.clone();
        }
        if known.is_full() || !is_plain(action) {
            return self.other.clone();
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match known.is_full() && !known.functions.contains_key(action) {
            true => self.other.clone(),
            false => known.learn(&self.executions, action),
        }
    }
}

impl Known {
    fn is_full(&self) -> bool {
        self.functions.len() >= NAMES_MAX + self.expected
    }

    fn learn(&mut self, executions: &IntCounterVec, action: &str) -> Arc<Function> {
        let new = || Arc::new(Function::new(executions, action));
        self.functions.entry(action.to_owned()).or_insert_with(new).clone()
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
    fn names_that_are_expected_are_told_apart_whatever_callers_send() {
        let functions = functions();
        (0..1_000).for_each(|index| drop(functions.of(&format!("action-{index}"))));
        functions.expect(["pay", "with space", "action-3"]);
        assert_eq!(functions.of("pay").name, "pay");
        assert_eq!(functions.of("action-999").name, OTHER);
        functions.expect((0..1_000).map(|_| "pay"));
        (0..100).for_each(|index| functions.expect([format!("tool-{index}").as_str()]));
        assert_eq!(functions.of("tool-62").name, "tool-62");
        assert_eq!(functions.of("tool-63").name, OTHER);
    }

    #[test]
    fn names_that_were_expected_once_count_for_good() {
        let functions = functions();
        (0..=NAMES_MAX).for_each(|index| functions.expect([format!("set-{index}").as_str()]));
        let beyond = format!("set-{NAMES_MAX}");
        assert_eq!(functions.of(&beyond).name, beyond, "a caller's name, while those have room");
        (0..1_000).for_each(|index| drop(functions.of(&format!("action-{index}"))));
        functions.expect(["later"]);
        assert_eq!(functions.of("later").name, OTHER);
        assert_eq!(functions.of("set-0").name, "set-0");
    }

    #[test]
    fn a_name_that_is_not_plain_gets_no_label_of_its_own() {
        let functions = functions();
        for name in ["", "with space", "new\nline", "é", &"x".repeat(65), OTHER] {
            assert_eq!(functions.of(name).name, OTHER, "{name}");
        }
    }
}
