//! What is counted of each binding: verdicts, durations, fuel, its breaker.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use writ_core::{BindingName, Fault, PolicyDecision, Verdict};

use super::SECONDS;
use super::register::Register;
use crate::breaker::{Position, WHOSE};

/// Buckets of fuel.
const FUEL: &[f64] = &[1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 1e8, 1e9];
/// What a verdict can be called; the last where there is none.
const VERDICTS: [&str; 6] = ["abstain", "allow", "amend", "deny", "require-approval", "fault"];

/// The series of all bindings.
#[derive(Debug)]
pub(super) struct Bindings {
    duration: HistogramVec,
    fuel: HistogramVec,
    verdicts: IntCounterVec,
    memoised: IntCounterVec,
    abandoned: IntCounterVec,
    refused: IntCounterVec,
    opened: IntCounterVec,
    breaker: IntGaugeVec,
}

/// The series of one binding.
#[derive(Clone, Debug)]
pub struct BindingMetrics {
    duration: Histogram,
    fuel: Histogram,
    verdicts: Vec<IntCounter>,
    memoised: IntCounter,
    abandoned: IntCounter,
    refused: IntCounter,
    /// By [`WHOSE`].
    opened: Vec<IntCounter>,
    breaker: IntGauge,
}

impl Bindings {
    pub(super) fn new(register: &Register) -> Self {
        let binding = &["binding"];
        Self {
            duration: register.histograms(
                "writ_evaluation_duration_seconds",
                "Time of one evaluation.",
                binding,
                SECONDS,
            ),
            fuel: register.histograms(
                "writ_evaluation_fuel",
                "Fuel of one evaluation that was not remembered.",
                binding,
                FUEL,
            ),
            verdicts: register.counters(
                "writ_verdicts_total",
                "Verdicts, by binding; `fault` where an evaluation gave none.",
                &["binding", "verdict"],
            ),
            memoised: register.counters(
                "writ_evaluations_memoised_total",
                "Evaluations that were answered from memory.",
                binding,
            ),
            abandoned: register.counters(
                "writ_evaluations_abandoned_total",
                "Evaluations whose end nobody waited for.",
                binding,
            ),
            refused: register.counters(
                "writ_breaker_refusals_total",
                "Evaluations that were refused because a breaker of the binding was open.",
                binding,
            ),
            opened: register.counters(
                "writ_breaker_opened_total",
                "How often a breaker of the binding was opened: that of all who ask, of a principal, of a subject.",
                &["binding", "whose"],
            ),
            breaker: register.gauges(
                "writ_breaker_state",
                "State of the binding's breaker of all who ask: 0 closed, 1 half-open, 2 open.",
                binding,
            ),
        }
    }

    /// Tells nothing more of a binding.
    pub(super) fn forget(&self, name: &BindingName) {
        let binding = &[name.as_str()];
        // A series that was never used is not there.
        self.duration.remove_label_values(binding).ok();
        self.fuel.remove_label_values(binding).ok();
        for verdict in VERDICTS {
            self.verdicts.remove_label_values(&[name.as_str(), verdict]).ok();
        }
        self.memoised.remove_label_values(binding).ok();
        self.abandoned.remove_label_values(binding).ok();
        self.refused.remove_label_values(binding).ok();
        for whose in WHOSE {
            self.opened.remove_label_values(&[name.as_str(), whose]).ok();
        }
        self.breaker.remove_label_values(binding).ok();
    }

    /// The series of one binding, resolved.
    pub(super) fn of(&self, name: &BindingName) -> BindingMetrics {
        let binding = [name.as_str()];
        let opened = |whose: &&str| self.opened.with_label_values(&[name.as_str(), whose]);
        let verdict = |verdict: &&str| self.verdicts.with_label_values(&[name.as_str(), verdict]);
        BindingMetrics {
            duration: self.duration.with_label_values(&binding),
            fuel: self.fuel.with_label_values(&binding),
            verdicts: VERDICTS.iter().map(verdict).collect(),
            memoised: self.memoised.with_label_values(&binding),
            abandoned: self.abandoned.with_label_values(&binding),
            refused: self.refused.with_label_values(&binding),
            opened: WHOSE.iter().map(opened).collect(),
            breaker: self.breaker.with_label_values(&binding),
        }
    }
}

impl BindingMetrics {
    /// Counts an evaluation.
    pub fn evaluated(&self, duration: Duration, fuel: u64, memoised: bool) {
        self.duration.observe(duration.as_secs_f64());
        if memoised {
            self.memoised.inc();
        } else {
            self.fuel.observe(fuel as f64);
        }
    }

    /// Counts an evaluation whose end nobody waited for.
    pub fn abandoned(&self) {
        self.abandoned.inc();
    }

    /// Counts what an evaluation gave.
    pub fn said(&self, result: Result<&PolicyDecision, &Fault>) {
        let index = match result.map(|decision| &decision.verdict) {
            Ok(Verdict::Abstain) => 0,
            Ok(Verdict::Allow) => 1,
            Ok(Verdict::Amend { .. }) => 2,
            Ok(Verdict::Deny { .. }) => 3,
            Ok(Verdict::RequireApproval { .. }) => 4,
            Err(_) => 5,
        };
        self.verdicts[index].inc();
    }

    /// Counts an evaluation that the breaker refused.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Counts that one of [`WHOSE`] breakers was opened.
    pub fn opened(&self, level: usize) {
        self.opened[level].inc();
    }

    /// Shows where the breaker of all stands.
    pub fn breaker(&self, position: Position) {
        self.breaker.set(match position {
            Position::Closed => 0,
            Position::HalfOpen => 1,
            Position::Open => 2,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_verdicts_are_cores() {
        let verdict =
            |verdict| PolicyDecision { verdict, annotations: writ_core::Json::empty_object() };
        let metrics = Bindings::new(&Register::default()).of(&"b".parse().unwrap());
        for said in [Verdict::Abstain, Verdict::Allow, Verdict::Deny { reason: String::new() }] {
            let place = VERDICTS.iter().position(|name| *name == said.name()).unwrap();
            metrics.said(Ok(&verdict(said)));
            assert_eq!(metrics.verdicts[place].get(), 1);
        }
    }
}
