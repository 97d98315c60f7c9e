//! How long to measure, and what becomes of figures.
#![allow(dead_code)]

use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// About a minute.
    Quick,
    /// A few minutes.
    Full,
}

impl Effort {
    /// What `--quick` asks for.
    pub(crate) fn of(arguments: &[String]) -> Self {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        if quick { Self::Quick } else { Self::Full }
    }

    /// How often everything has its turn.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Quick => 3,
            Self::Full => 7,
        }
    }

    /// How long a turn lasts.
    pub(crate) fn turn(self) -> Duration {
        match self {
            Self::Quick => Duration::from_millis(700),
            Self::Full => Duration::from_secs(2),
        }
    }
}

/// The middle of some figures.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// One figure, on a line of its own.
pub(crate) fn print(name: &str, value: f64) {
    println!(r#"{{"figure":"{name}","value":{value:.3}}}"#);
}
