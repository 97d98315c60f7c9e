//! Cases that take turns, so that their ratios hold on a machine that others use too.
//!
//! It prints one line of JSON a figure, which `cargo xtask bench` reads.
#![allow(dead_code)]

use std::time::{Duration, Instant};

/// Calls of one case before the next has its turn.
const TURN: usize = 100;

/// Something to be measured.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut()>,
}

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough for medians.
    Quick,
    /// Enough for 99th percentiles too.
    Full,
}

impl Case {
    pub(crate) fn new(name: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }
}

impl Effort {
    /// What `--paired` and `--quick` ask for; none: criterion measures.
    pub(crate) fn of_arguments() -> Option<Self> {
        let given = |wanted| std::env::args().any(|argument| argument == wanted);
        given("--paired").then(|| if given("--quick") { Self::Quick } else { Self::Full })
    }

    fn rounds(self) -> usize {
        match self {
            Self::Quick => 100,
            Self::Full => 600,
        }
    }
}

/// Measures every call of each case, in turns, and prints percentiles.
pub(crate) fn measure(group: &str, mut cases: Vec<Case>, effort: Effort) {
    let mut taken: Vec<Vec<Duration>> = vec![Vec::new(); cases.len()];
    // The first turn of each warms caches up and does not count.
    for round in 0..=effort.rounds() {
        for (case, taken) in cases.iter_mut().zip(&mut taken) {
            for _ in 0..TURN {
                let start = Instant::now();
                (case.run)();
                if round > 0 {
                    taken.push(start.elapsed());
                }
            }
        }
    }
    for (case, mut taken) in cases.iter().zip(taken) {
        taken.sort_unstable();
        let at = |per_mille| micros(percentile(&taken, per_mille));
        print(&format!("{group}/{}/p50-us", case.name), at(500));
        print(&format!("{group}/{}/p99-us", case.name), at(990));
    }
}

/// The value below which so many of a thousand are.
pub(crate) fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    sorted[(sorted.len() * per_mille / 1_000).min(sorted.len() - 1)]
}

/// One figure, on a line of its own.
pub(crate) fn print(name: &str, value: f64) {
    println!(r#"{{"figure":"{name}","value":{value:.3}}}"#);
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1_000.0
}
