//! The host's metrics: Prometheus counters and histograms in base units, with closed label sets.
//!
//! Every handle is resolved once: a request never looks a series up, but for its action's name.
//! What other crates count themselves is sampled when the page is read, see [`super::page`].

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use writ_core::{BindingName, Fault, FaultCode, Outcome, PolicyDecision, Verdict};

use super::functions::{Functions, outcome_index};
use crate::breaker::Position;

/// Buckets of durations, in seconds: 10 µs to 1 s.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 1.0,
];
/// Buckets of fuel.
const FUEL: &[f64] = &[1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 1e8, 1e9];
/// What a verdict can be called; the last where there is none.
const VERDICTS: [&str; 6] = ["abstain", "allow", "amend", "deny", "require-approval", "fault"];

/// Every metric that the service counts itself.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// `governance_executions_total`, by action name.
    pub functions: Functions,
    decisions: Vec<IntCounter>,
    decision_duration: Histogram,
    faults: Vec<IntCounter>,
    violations: IntCounterVec,
    bindings: BindingVecs,
    /// Decisions that were evaluated again because a policy's storage had changed meanwhile.
    pub storage_conflicts: IntCounter,
    http: Vec<[IntCounter; STATUS_CLASSES.len()]>,
}

#[derive(Debug)]
struct BindingVecs {
    duration: HistogramVec,
    fuel: HistogramVec,
    verdicts: IntCounterVec,
    memoised: IntCounterVec,
    refused: IntCounterVec,
    breaker: IntGaugeVec,
}

/// The series of one binding.
#[derive(Clone, Debug)]
pub struct BindingMetrics {
    duration: Histogram,
    fuel: Histogram,
    verdicts: Vec<IntCounter>,
    memoised: IntCounter,
    refused: IntCounter,
    breaker: prometheus::IntGauge,
}

macro_rules! routes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $label:literal,)+) => {
        /// A route, as a label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Route { $($(#[doc = $doc])+ $variant,)+ }

        impl Route {
            const LABELS: &'static [&'static str] = &[$($label),+];
        }
    };
}

routes! {
    /// `POST /access/v1/evaluation`
    Evaluation = "evaluation",
    /// `POST /access/v1/evaluations`
    Evaluations = "evaluations",
    /// Everything else.
    Other = "other",
}

const STATUS_CLASSES: [&str; 3] = ["success", "client-error", "server-error"];

impl Metrics {
    /// All metrics, at 0.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels);
            register(&registry, vec.expect("a fixed, valid name"))
        };
        let histograms = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(opts, &["binding"]).expect("a valid name"))
        };
        let decisions = counters("writ_decisions_total", "Decisions, by outcome.", &["outcome"]);
        let faults = counters(
            "writ_faults_total",
            "Evaluations that gave no verdict, by fault code.",
            &["code"],
        );
        let http = counters(
            "writ_http_requests_total",
            "HTTP requests that were answered, by route and class of status.",
            &["route", "status"],
        );
        let executions = counters(
            "governance_executions_total",
            "Decisions, by action name (the first 64 seen; the rest is `other`) and outcome.",
            &["function_name", "status"],
        );
        Self {
            functions: Functions::new(executions),
            decisions: series(&decisions, Outcome::CODES),
            decision_duration: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "writ_decision_duration_seconds",
                        "Time from a request's parsing to its durable decision.",
                    )
                    .buckets(SECONDS.to_vec()),
                )
                .expect("a valid name"),
            ),
            faults: FaultCode::ALL
                .iter()
                .map(|code| faults.with_label_values(&[code.as_str()]))
                .collect(),
            violations: counters(
                "policy_violations_total",
                "Denials by policies that count, by the policy's name and action name.",
                &["policy_type", "function_name"],
            ),
            bindings: BindingVecs {
                duration: histograms(
                    "writ_evaluation_duration_seconds",
                    "Time of one evaluation.",
                    SECONDS,
                ),
                fuel: histograms(
                    "writ_evaluation_fuel",
                    "Fuel of one evaluation that was not remembered.",
                    FUEL,
                ),
                verdicts: counters(
                    "writ_verdicts_total",
                    "Verdicts, by binding; `fault` where an evaluation gave none.",
                    &["binding", "verdict"],
                ),
                memoised: counters(
                    "writ_evaluations_memoised_total",
                    "Evaluations that were answered from memory.",
                    &["binding"],
                ),
                refused: counters(
                    "writ_breaker_refusals_total",
                    "Evaluations that were refused because the binding's breaker was open.",
                    &["binding"],
                ),
                breaker: register(
                    &registry,
                    IntGaugeVec::new(
                        Opts::new(
                            "writ_breaker_state",
                            "State of the binding's breaker: 0 closed, 1 half-open, 2 open.",
                        ),
                        &["binding"],
                    )
                    .expect("a valid name"),
                ),
            },
            storage_conflicts: register(
                &registry,
                IntCounter::new(
                    "writ_storage_conflicts_total",
                    "Decisions that were evaluated again because what they had read had changed.",
                )
                .expect("a valid name"),
            ),
            http: Route::LABELS
                .iter()
                .map(|route| STATUS_CLASSES.map(|class| http.with_label_values(&[route, class])))
                .collect(),
            registry,
        }
    }

    /// Counts a decision that took `duration`.
    pub fn decided(&self, action: &str, outcome: &Outcome, duration: Duration) {
        self.decisions[outcome_index(outcome)].inc();
        self.functions.of(action).count(outcome);
        self.decision_duration.observe(duration.as_secs_f64());
    }

    /// Counts a denial by a policy that counts.
    pub fn violated(&self, policy: &str, action: &str) {
        let function = self.functions.of(action);
        self.violations.with_label_values(&[policy, &function.name]).inc();
    }

    /// Counts a fault.
    pub fn faulted(&self, fault: &Fault) {
        let index = FaultCode::ALL.iter().position(|code| *code == fault.code);
        self.faults[index.expect("ALL holds every code")].inc();
    }

    /// Counts an answer over HTTP.
    pub fn answered(&self, route: Route, status: u16) {
        let class = match status {
            0..400 => 0,
            400..500 => 1,
            500.. => 2,
        };
        self.http[route as usize][class].inc();
    }

    /// The series of a binding, resolved.
    pub fn binding(&self, name: &BindingName) -> BindingMetrics {
        let binding = [name.as_str()];
        let verdict =
            |verdict: &&str| self.bindings.verdicts.with_label_values(&[name.as_str(), verdict]);
        BindingMetrics {
            duration: self.bindings.duration.with_label_values(&binding),
            fuel: self.bindings.fuel.with_label_values(&binding),
            verdicts: VERDICTS.iter().map(verdict).collect(),
            memoised: self.bindings.memoised.with_label_values(&binding),
            refused: self.bindings.refused.with_label_values(&binding),
            breaker: self.bindings.breaker.with_label_values(&binding),
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
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

    /// Shows where the breaker stands.
    pub fn breaker(&self, position: Position) {
        self.breaker.set(match position {
            Position::Closed => 0,
            Position::HalfOpen => 1,
            Position::Open => 2,
        });
    }
}

fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: C) -> C {
    registry.register(Box::new(metric.clone())).expect("each name is registered once");
    metric
}

fn series(vec: &IntCounterVec, labels: &[&str]) -> Vec<IntCounter> {
    labels.iter().map(|label| vec.with_label_values(&[*label])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_verdicts_are_cores() {
        let verdict =
            |verdict| PolicyDecision { verdict, annotations: writ_core::Json::empty_object() };
        let metrics = Metrics::new().binding(&"b".parse().unwrap());
        for said in [Verdict::Abstain, Verdict::Allow, Verdict::Deny { reason: String::new() }] {
            let place = VERDICTS.iter().position(|name| *name == said.name()).unwrap();
            metrics.said(Ok(&verdict(said)));
            assert_eq!(metrics.verdicts[place].get(), 1);
        }
    }
}
