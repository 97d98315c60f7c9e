//! What is counted of versions that are rolled out.

use prometheus::{IntCounter, IntGauge};
use writ_core::rollout::Measure;

use super::register::Register;
use crate::service::change::Change;

/// Why a rollout ends that no guard ends.
const ENDS: [&str; 4] = ["stopped", "promoted", "replaced", "overtaken"];
/// How a version is rolled out.
const WAYS: [&str; 2] = ["shadow", "canary"];

/// The series of rollouts.
#[derive(Debug)]
pub(super) struct Rollouts {
    pub(super) shadow: ShadowMetrics,
    pub(super) canary: CanaryMetrics,
    ended: Vec<(&'static str, IntCounter)>,
    version: Vec<(&'static str, IntGauge)>,
}

/// What became of decisions about which something was asked on the side.
#[derive(Clone, Debug)]
pub struct ShadowMetrics {
    /// About a whole version.
    pub version: Compared,
    /// About a binding whose verdict does not count.
    pub binding: Compared,
}

/// What became of decisions about which one kind was asked.
#[derive(Clone, Debug)]
pub struct Compared {
    changes: Vec<IntCounter>,
    dropped: IntCounter,
}

/// Who decides while a version decides for some.
#[derive(Clone, Debug)]
pub struct CanaryMetrics {
    canary: IntCounter,
    others: IntCounter,
}

impl Rollouts {
    pub(super) fn new(register: &Register) -> Self {
        let ended = register.counters(
            "writ_rollouts_ended_total",
            "Versions that were rolled out and are no more, by why.",
            &["because"],
        );
        let version = register.gauges(
            "writ_rollout_version",
            "The version that is rolled out, by how; 0 where none is.",
            &["how"],
        );
        let reasons = ENDS.iter().chain(Measure::NAMES);
        Self {
            shadow: ShadowMetrics::new(register),
            canary: CanaryMetrics::new(register),
            ended: reasons.map(|why| (*why, ended.with_label_values(&[*why]))).collect(),
            version: WAYS.map(|how| (how, version.with_label_values(&[how]))).into(),
        }
    }

    /// Counts the end of a rollout.
    pub(super) fn ended(&self, because: &str) {
        let reason = self.ended.iter().find(|(reason, _)| *reason == because);
        reason.iter().for_each(|(_, count)| count.inc());
    }

    /// Shows which version is rolled out, and how.
    pub(super) fn show(&self, now: Option<(&str, u64)>) {
        for (how, shown) in &self.version {
            let version = now.filter(|(way, _)| way == how).map_or(0, |(_, version)| version);
            shown.set(version.cast_signed());
        }
    }
}

impl ShadowMetrics {
    fn new(register: &Register) -> Self {
        let results = register.counters(
            "writ_shadow_decisions_total",
            "Decisions about which a version, or a binding, was asked on the side, by what it would have changed; `dropped` where too many waited.",
            &["of", "result"],
        );
        let compared = |of: &str| {
            let result = |name: &str| results.with_label_values(&[of, name]);
            let changes = Change::DECIDED.iter().map(|change| result(change.name())).collect();
            Compared { changes, dropped: result("dropped") }
        };
        Self { version: compared("version"), binding: compared("binding") }
    }
}

impl Compared {
    /// Counts a decision that was compared.
    pub fn compared(&self, change: Change) {
        let place = Change::DECIDED.iter().position(|other| *other == change);
        self.changes[place.expect("DECIDED holds what becomes of a decision")].inc();
    }

    /// Counts a decision that was not looked at.
    pub fn dropped(&self) {
        self.dropped.inc();
    }
}

impl CanaryMetrics {
    fn new(register: &Register) -> Self {
        let decisions = register.counters(
            "writ_canary_decisions_total",
            "Decisions while a version decides for some, by whose they are.",
            &["set"],
        );
        let of = |set: &str| decisions.with_label_values(&[set]);
        Self { canary: of("canary"), others: of("others") }
    }

    /// Counts a decision.
    pub fn decided(&self, is_canary: bool) {
        if is_canary { self.canary.inc() } else { self.others.inc() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_and_one_version_shown() {
        let rollouts = Rollouts::new(&Register::default());
        for because in ENDS.iter().chain(Measure::NAMES) {
            rollouts.ended(because);
        }
        assert!(rollouts.ended.iter().all(|(_, count)| count.get() == 1));
        rollouts.show(Some(("canary", 7)));
        let shown: Vec<_> = rollouts.version.iter().map(|(_, shown)| shown.get()).collect();
        assert_eq!(shown, [0, 7]);
        rollouts.show(None);
        assert!(rollouts.version.iter().all(|(_, shown)| shown.get() == 0));
    }
}
