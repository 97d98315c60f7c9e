//! What is counted of each tool: its runs and how they ended, its faults, and how long it takes to go on.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};
use writ_core::{BindingName, FaultCode};

use super::SECONDS;
use super::register::Register;

/// Buckets of runs, in seconds: 100 µs to 10 minutes.
const RUN_SECONDS: &[f64] = &[0.000_1, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0, 60.0, 600.0];

/// How a run of a tool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// With a result.
    Succeeded,
    /// With its own error.
    Failed,
    /// With a fault.
    Faulted(FaultCode),
    /// It waits, or another run goes on: it comes to its end later.
    Dropped,
}

impl RunEnd {
    const NAMES: [&'static str; 4] = ["succeeded", "failed", "fault", "dropped"];

    fn index(self) -> usize {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Faulted(_) => 2,
            Self::Dropped => 3,
        }
    }
}

/// The series of all tools.
#[derive(Debug)]
pub(super) struct Tools {
    runs: IntCounterVec,
    duration: HistogramVec,
    faults: IntCounterVec,
    resume: HistogramVec,
}

/// The series of one tool.
#[derive(Clone, Debug)]
pub struct ToolMetrics {
    runs: Vec<IntCounter>,
    duration: Histogram,
    faults: Vec<IntCounter>,
    resume: Histogram,
}

impl Tools {
    pub(super) fn new(register: &Register) -> Self {
        let tool = &["tool"];
        Self {
            runs: register.counters(
                "writ_tool_runs_total",
                "Runs of a tool, by how they ended; `dropped` where it waits or another run goes on.",
                &["tool", "outcome"],
            ),
            duration: register.histograms(
                "writ_tool_run_duration_seconds",
                "Time of one run of a tool, with what it waited in memory.",
                tool,
                RUN_SECONDS,
            ),
            faults: register.counters(
                "writ_tool_faults_total",
                "Runs of a tool that the host ended, by fault code.",
                &["tool", "code"],
            ),
            resume: register.histograms(
                "writ_tool_resume_seconds",
                "Time from the beginning of a run that goes on until it is where it stopped.",
                tool,
                SECONDS,
            ),
        }
    }

    /// The series of one tool, resolved.
    pub(super) fn of(&self, name: &BindingName) -> ToolMetrics {
        let tool = name.as_str();
        let run = |outcome: &&str| self.runs.with_label_values(&[tool, outcome]);
        let fault = |code: &FaultCode| self.faults.with_label_values(&[tool, code.as_str()]);
        ToolMetrics {
            runs: RunEnd::NAMES.iter().map(run).collect(),
            duration: self.duration.with_label_values(&[tool]),
            faults: FaultCode::ALL.iter().map(fault).collect(),
            resume: self.resume.with_label_values(&[tool]),
        }
    }
}

impl ToolMetrics {
    /// Counts a run.
    pub fn ended(&self, end: RunEnd, duration: Duration) {
        self.runs[end.index()].inc();
        self.duration.observe(duration.as_secs_f64());
        if let RunEnd::Faulted(code) = end {
            let index = FaultCode::ALL.iter().position(|known| *known == code);
            self.faults[index.expect("ALL holds every code")].inc();
        }
    }

    /// Counts a run that has come to where the one before it stopped.
    pub fn resumed(&self, after: Duration) {
        self.resume.observe(after.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_counted_by_its_end_and_a_fault_by_its_code() {
        let metrics = Tools::new(&Register::default()).of(&"t".parse().unwrap());
        let ends = [RunEnd::Succeeded, RunEnd::Failed, RunEnd::Dropped];
        for end in ends.into_iter().chain([RunEnd::Faulted(FaultCode::OutOfFuel)]) {
            metrics.ended(end, Duration::from_millis(1));
        }
        assert!(metrics.runs.iter().all(|counter| counter.get() == 1));
        assert_eq!(metrics.faults.iter().map(IntCounter::get).sum::<u64>(), 1);
        assert_eq!(metrics.duration.get_sample_count(), 4);
    }
}
