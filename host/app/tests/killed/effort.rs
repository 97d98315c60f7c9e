//! How much is tried: from the arguments.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::points;
use crate::world::Database;

/// How many random runs there are on each database where nobody says: a sample.
const RUNS: u64 = 10;

pub(crate) struct Effort {
    pub(crate) seed: u64,
    runs: u64,
    /// The only one that is tried.
    only: Option<u64>,
}

/// What is still to be tried, by whoever takes it next.
pub(crate) type Queue<T> = Mutex<VecDeque<T>>;

impl Effort {
    /// What is not one of ours is the test runner's.
    pub(crate) fn of(arguments: impl Iterator<Item = String>) -> Self {
        let arguments: Vec<_> = arguments.collect();
        let number = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            let text = arguments.get(at + 1).map_or("", String::as_str);
            Some(text.parse().unwrap_or_else(|_| panic!("`{name}` wants a number, not `{text}`")))
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            seed: number("--seed").unwrap_or(now.as_millis() as u64),
            runs: number("--runs").unwrap_or(RUNS),
            only: number("--run"),
        }
    }

    /// Whether all is tried, and not one run again.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_none()
    }

    /// Points by themselves, and the numbers of random runs.
    pub(crate) fn queues(&self, database: Database) -> (Queue<&'static str>, Queue<u64>) {
        let (points, runs) = match self.only {
            Some(run) => (VecDeque::new(), VecDeque::from([run])),
            None => (points::of(database).into(), (0..self.runs).collect()),
        };
        (Mutex::new(points), Mutex::new(runs))
    }
}
