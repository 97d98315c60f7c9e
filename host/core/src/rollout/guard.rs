//! When a version that decides for some must decide no more.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Hundredths, OutOfBounds, Tally};

/// A version that takes no longer than this, in microseconds, is never too slow: disks and machines
/// differ by more from one moment to the next. About a millisecond: where a bucket of times ends.
const FAST_US: u64 = 1_023;

/// What a version must not exceed, looked at over a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// How many of 100 decisions may be denials since a policy gave no verdict.
    pub max_fault_percent: Hundredths,
    /// By how much the part of denials may be larger than that of the set which decides otherwise: in
    /// percentage points.
    pub max_deny_increase_percent: Hundredths,
    /// How many times as long 95 of 100 decisions may take.
    pub max_latency_factor: Hundredths,
    /// How many decisions there must be within the window before anything is said of them.
    pub min_decisions: u64,
    /// How long the window is, in seconds.
    pub window_seconds: u64,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Decisions without a verdict.
    FaultRate,
    /// Denials.
    DenyRate,
    /// How long decisions take.
    Latency,
}

/// What a version has exceeded, with what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What was looked at.
    pub measure: Measure,
    /// In words, without what was asked or answered.
    pub detail: String,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            max_fault_percent: Hundredths::of(1),
            max_deny_increase_percent: Hundredths::of(10),
            max_latency_factor: Hundredths::of(2),
            min_decisions: 100,
            window_seconds: 60,
        }
    }
}

impl Measure {
    /// Every name, for closed label sets.
    pub const NAMES: &'static [&'static str] =
        &["max-fault-rate", "max-deny-rate-increase", "max-latency"];

    /// Its name in answers, events and metrics: what it is compared with.
    pub fn name(self) -> &'static str {
        match self {
            Self::FaultRate => "max-fault-rate",
            Self::DenyRate => "max-deny-rate-increase",
            Self::Latency => "max-latency",
        }
    }
}

impl Guard {
    pub(super) fn check(&self) -> Result<(), OutOfBounds> {
        let out = |field, bounds| Err(OutOfBounds { field, bounds });
        if self.max_fault_percent > Hundredths::of(100) {
            return out("guard.max_fault_percent", "0 to 100");
        }
        if self.max_deny_increase_percent > Hundredths::of(100) {
            return out("guard.max_deny_increase_percent", "0 to 100");
        }
        if !(Hundredths::of(1)..=Hundredths::of(1_000)).contains(&self.max_latency_factor) {
            return out("guard.max_latency_factor", "1 to 1000");
        }
        if !(1..=1_000_000).contains(&self.min_decisions) {
            return out("guard.min_decisions", "1 to 1000000");
        }
        if !(1..=3_600).contains(&self.window_seconds) {
            return out("guard.window_seconds", "1 to 3600");
        }
        Ok(())
    }

    /// What the version has exceeded; none where nothing, or where too little was decided to tell.
    /// What it is compared with must have decided as often.
    pub fn judge(&self, canary: &Tally, others: &Tally) -> Option<Breach> {
        if canary.decisions < self.min_decisions {
            return None;
        }
        let alone = self.faults(canary);
        if alone.is_some() || others.decisions < self.min_decisions {
            return alone;
        }
        self.denials(canary, others).or_else(|| self.latency(canary, others))
    }

    fn faults(&self, canary: &Tally) -> Option<Breach> {
        let seen = Rate { part: canary.faults, of: canary.decisions };
        let detail = || format!("{seen} gave no verdict, and {} % may", self.max_fault_percent);
        let breach = || Breach { measure: Measure::FaultRate, detail: detail() };
        (seen.percent() > self.max_fault_percent.into()).then(breach)
    }

    fn denials(&self, canary: &Tally, others: &Tally) -> Option<Breach> {
        let seen = Rate { part: canary.denials, of: canary.decisions };
        let usual = Rate { part: others.denials, of: others.decisions };
        let by: f64 = self.max_deny_increase_percent.into();
        let breach = || Breach {
            measure: Measure::DenyRate,
            detail: format!("{seen} denied, otherwise {usual}, and {by} points more may"),
        };
        (seen.percent() > usual.percent() + by).then(breach)
    }

    fn latency(&self, canary: &Tally, others: &Tally) -> Option<Breach> {
        let (seen, usual) = (canary.p95_us(), others.p95_us());
        let factor: f64 = self.max_latency_factor.into();
        // Buckets of times end just below the multiples of what they begin with.
        let is_slow = seen > FAST_US && (seen + 1) as f64 > (usual + 1) as f64 * factor;
        is_slow.then(|| Breach {
            measure: Measure::Latency,
            detail: format!(
                "95 of 100 took up to {seen} µs, otherwise {usual} µs, and {factor} times that is allowed"
            ),
        })
    }
}

/// A part of some decisions.
#[derive(Clone, Copy)]
struct Rate {
    part: u64,
    of: u64,
}

impl Rate {
    fn percent(self) -> f64 {
        100.0 * self.part as f64 / self.of.max(1) as f64
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} decisions ({:.1} %)", self.part, self.of, self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combine::{Denial, Outcome};

    /// So many decisions, of which some denied and some were faults, and how long each took.
    fn tally(decisions: u64, denials: u64, faults: u64, took_us: u64) -> Tally {
        let mut tally = Tally::default();
        for number in 0..decisions {
            let outcome = match number {
                number if number < faults => Outcome::Denied(Denial::ByFault(Vec::new())),
                number if number < denials => Outcome::Denied(Denial::AllAbstained),
                _ => Outcome::Allowed,
            };
            tally.add(&outcome, took_us);
        }
        tally
    }

    fn judged(canary: Tally, others: Tally) -> Option<Measure> {
        Guard::default().judge(&canary, &others).map(|breach| breach.measure)
    }

    #[test]
    fn faults_count_whatever_others_do() {
        assert_eq!(judged(tally(100, 1, 1, 1), tally(0, 0, 0, 0)), None);
        assert_eq!(judged(tally(100, 2, 2, 1), tally(0, 0, 0, 0)), Some(Measure::FaultRate));
        assert_eq!(judged(tally(99, 99, 99, 1), tally(0, 0, 0, 0)), None);
        let breach = Guard::default().judge(&tally(120, 3, 3, 1), &tally(0, 0, 0, 0)).unwrap();
        assert_eq!(breach.detail, "3 of 120 decisions (2.5 %) gave no verdict, and 1 % may");
    }

    #[test]
    fn denials_count_against_what_others_deny() {
        assert_eq!(judged(tally(100, 60, 0, 1), tally(100, 50, 0, 1)), None);
        let denying = tally(100, 61, 0, 1);
        assert_eq!(judged(denying.clone(), tally(100, 50, 0, 1)), Some(Measure::DenyRate));
        // Nobody can tell what is usual.
        assert_eq!(judged(denying, tally(99, 0, 0, 1)), None);
    }

    #[test]
    fn time_counts_against_what_others_take_unless_it_is_short() {
        assert_eq!(judged(tally(100, 0, 0, 900), tally(100, 0, 0, 10)), None);
        assert_eq!(judged(tally(100, 0, 0, 9_000), tally(100, 0, 0, 5_000)), None);
        assert_eq!(
            judged(tally(100, 0, 0, 9_000), tally(100, 0, 0, 2_000)),
            Some(Measure::Latency)
        );
    }

    #[test]
    fn bounds_are_checked() {
        let default = Guard::default;
        assert_eq!(default().check(), Ok(()));
        for wrong in [
            Guard { max_fault_percent: Hundredths::of(101), ..default() },
            Guard { max_deny_increase_percent: Hundredths::of(101), ..default() },
            Guard { max_latency_factor: Hundredths::of(0), ..default() },
            Guard { min_decisions: 0, ..default() },
            Guard { window_seconds: 3_601, ..default() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_measure_has_a_name_of_the_list() {
        for measure in [Measure::FaultRate, Measure::DenyRate, Measure::Latency] {
            assert!(Measure::NAMES.contains(&measure.name()));
        }
    }
}
