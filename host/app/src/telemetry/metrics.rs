//! The host's metrics: Prometheus counters and histograms in base units, with closed label sets.
//!
//! Every handle is resolved once: a request never looks a series up, but for its action's name.
//! What other crates count themselves is sampled when the page is read, see [`super::page`].

mod binding;
mod http;
mod register;
mod rollout;
mod tool;

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};
use writ_core::{BindingName, Fault, FaultCode, Outcome};

use super::functions::{Functions, outcome_index};
use crate::reload;
pub use binding::BindingMetrics;
use binding::Bindings;
use http::Answers;
pub use http::Route;
use register::Register;
use rollout::Rollouts;
pub use rollout::{CanaryMetrics, Compared, ShadowMetrics};
use tool::Tools;
pub use tool::{RunEnd, ToolMetrics};

/// Buckets of durations, in seconds: 10 µs to 1 s.
const SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 1.0,
];

/// Buckets of what people take, in seconds: 1 s to 30 days.
const PATIENCE_SECONDS: &[f64] =
    &[1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0, 2_592_000.0];

/// Every metric that the service counts itself.
#[derive(Debug)]
pub struct Metrics {
    register: Register,
    /// `governance_executions_total`, by action name.
    pub functions: Functions,
    decisions: Vec<IntCounter>,
    decision_duration: Histogram,
    faults: Vec<IntCounter>,
    violations: IntCounterVec,
    approval_duration: HistogramVec,
    bindings: Bindings,
    tools: Tools,
    /// Decisions that were evaluated again because a policy's storage had changed meanwhile.
    pub storage_conflicts: IntCounter,
    http: Answers,
    reloads: Vec<IntCounter>,
    rollouts: Rollouts,
}

impl Metrics {
    /// All metrics, at 0.
    pub fn new() -> Self {
        let register = Register::default();
        Self {
            functions: functions(&register),
            decisions: decisions(&register),
            decision_duration: register.histogram(
                "writ_decision_duration_seconds",
                "Time from a request's parsing to its durable decision.",
                SECONDS,
            ),
            faults: faults(&register),
            violations: register.counters(
                "policy_violations_total",
                "Denials by policies that count, by the policy's name and action name.",
                &["policy_type", "function_name"],
            ),
            approval_duration: register.histograms(
                "approval_duration_seconds",
                "Time from the question to its end, however it ended, by action name.",
                &["function_name"],
                PATIENCE_SECONDS,
            ),
            bindings: Bindings::new(&register),
            tools: Tools::new(&register),
            storage_conflicts: register.counter(
                "writ_storage_conflicts_total",
                "Decisions that were evaluated again because what they had read had changed.",
            ),
            http: Answers::new(&register),
            reloads: reloads(&register),
            rollouts: Rollouts::new(&register),
            register,
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

    /// Counts an approval that has come to its end `after` it was opened.
    pub fn approval_ended(&self, action: &str, after: Duration) {
        let function = self.functions.of(action);
        let durations = self.approval_duration.with_label_values(&[&function.name]);
        durations.observe(after.as_secs_f64());
    }

    /// Counts a fault.
    pub fn faulted(&self, fault: &Fault) {
        let index = FaultCode::ALL.iter().position(|code| *code == fault.code);
        self.faults[index.expect("ALL holds every code")].inc();
    }

    /// Counts an answer over HTTP.
    pub fn answered(&self, route: Route, status: u16) {
        self.http.count(route, status);
    }

    /// The series of a binding, resolved.
    pub fn binding(&self, name: &BindingName) -> BindingMetrics {
        self.bindings.of(name)
    }

    /// Tells nothing more of a binding that is gone, so that names do not gather.
    pub fn forget_binding(&self, name: &BindingName) {
        self.bindings.forget(name);
    }

    /// Counts what came of reading the policy set again.
    pub fn reloaded(&self, outcome: &reload::Outcome) {
        let index = reload::Outcome::NAMES.iter().position(|name| *name == outcome.name());
        self.reloads[index.expect("NAMES holds every name")].inc();
    }

    /// The series of versions that are asked on the side.
    pub fn shadow(&self) -> &ShadowMetrics {
        &self.rollouts.shadow
    }

    /// The series of versions that decide for some.
    pub fn canary(&self) -> &CanaryMetrics {
        &self.rollouts.canary
    }

    /// Counts the end of a rollout, by why.
    pub fn rollout_ended(&self, because: &str) {
        self.rollouts.ended(because);
    }

    /// Shows how which version is rolled out; none where none is.
    pub fn show_rollout(&self, now: Option<(&str, u64)>) {
        self.rollouts.show(now);
    }

    /// The series of a tool. Looked up for each run, which costs far more.
    pub fn tool(&self, name: &BindingName) -> ToolMetrics {
        self.tools.of(name)
    }

    pub(super) fn registry(&self) -> &Registry {
        self.register.registry()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn functions(register: &Register) -> Functions {
    Functions::new(register.counters(
        "governance_executions_total",
        "Decisions, by outcome and action name (since the start, the first 64 that tools, endpoints and `match` have, and the first 64 others seen; the rest is `other`).",
        &["function_name", "status"],
    ))
}

fn decisions(register: &Register) -> Vec<IntCounter> {
    let decisions =
        register.counters("writ_decisions_total", "Decisions, by outcome.", &["outcome"]);
    Outcome::CODES.iter().map(|code| decisions.with_label_values(&[*code])).collect()
}

fn reloads(register: &Register) -> Vec<IntCounter> {
    let help = "Readings of the policy set, by what came of them; where one is refused, the set before it decides.";
    let reloads = register.counters("writ_policy_reloads_total", help, &["outcome"]);
    let names = reload::Outcome::NAMES.iter();
    names.map(|name| reloads.with_label_values(&[*name])).collect()
}

fn faults(register: &Register) -> Vec<IntCounter> {
    let help = "Evaluations that gave no verdict, by fault code.";
    let faults = register.counters("writ_faults_total", help, &["code"]);
    FaultCode::ALL.iter().map(|code| faults.with_label_values(&[code.as_str()])).collect()
}
