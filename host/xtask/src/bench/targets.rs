//! What is aimed at, as ratios within one run where that can be.

use super::Figures;

/// One row of the table.
pub(super) struct Target {
    pub(super) what: &'static str,
    pub(super) bound: Bound,
    pub(super) unit: Unit,
    figure: &'static str,
    /// What the figure is divided by.
    over: Option<&'static str>,
}

/// On which side of a number a figure is to be.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// No number was aimed at.
    Reported,
}

/// How a figure is written.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Times,
    Percent,
    PerSecond,
    Micros,
    Millis,
    Mebibytes,
    Kibibytes,
    Count,
}

use Bound::{AtLeast, AtMost, Reported};
use Unit::{Count, Kibibytes, Mebibytes, Micros, Millis, PerSecond, Percent, Times};

/// Every row, in order.
pub(super) const TARGETS: &[Target] = &[
    Target::new(
        "evaluation on a fresh instance, every limit on, over a bare wasmtime loop (p50)",
        "evaluate/writ/p50-us",
        AtMost(1.3),
        Times,
    )
    .over("evaluate/bare/p50-us"),
    Target::new("remembered evaluation (p50)", "evaluate/memoised/p50-us", AtMost(3.0), Micros),
    Target::new(
        "evaluation with 800 KB of settings, over one with a single value (p50)",
        "settings/800-kb/p50-us",
        AtMost(1.4),
        Times,
    )
    .over("settings/one-value/p50-us"),
    Target::new(
        "one policy, decision stored: requests per second, of the echo's",
        "http/32/one/per-second-of-echo",
        AtLeast(0.25),
        Percent,
    ),
    Target::new(
        "remembered, decision stored: requests per second, of the echo's",
        "http/32/memoised/per-second-of-echo",
        AtLeast(0.60),
        Percent,
    ),
    Target::new(
        "three policies, decision and storage stored: requests per second, of the echo's",
        "http/32/three/per-second-of-echo",
        AtLeast(0.15),
        Percent,
    ),
    Target::new(
        "one policy, 256 connections: requests per second, of the echo's",
        "http/256/one/per-second-of-echo",
        AtLeast(0.25),
        Percent,
    ),
    Target::new(
        "remembered, 256 connections: requests per second, of the echo's",
        "http/256/memoised/per-second-of-echo",
        AtLeast(0.60),
        Percent,
    ),
    Target::new(
        "three policies, 256 connections: requests per second, of the echo's",
        "http/256/three/per-second-of-echo",
        AtLeast(0.15),
        Percent,
    ),
    Target::new(
        "one policy, decision stored: requests per second",
        "http/32/one/per-second",
        AtLeast(30_000.0),
        PerSecond,
    ),
    Target::new(
        "one connection: latency (p50), over the echo's",
        "http/1/one/p50-of-echo",
        AtMost(8.0),
        Times,
    ),
    Target::new(
        "beside a policy that loops: throughput of the others, of what it is without",
        "loop/others-throughput-share",
        AtLeast(0.8),
        Percent,
    ),
    Target::new(
        "beside a policy that loops: latency of the others (p99)",
        "loop/others-p99-us",
        AtMost(10_000.0),
        Micros,
    ),
    Target::new(
        "a loop ends after its deadline (latest of all)",
        "hostile/loop-late-max-ms",
        AtMost(5.0),
        Millis,
    ),
    Target::new(
        "a memory bomb takes beyond its cap",
        "hostile/bomb-beyond-cap-mib",
        AtMost(5.0),
        Mebibytes,
    ),
    Target::new(
        "start with 4 policies, compiled before",
        "start/4-policies/warm-ms",
        AtMost(100.0),
        Millis,
    ),
    Target::new(
        "start with 20 policies, compiled before",
        "start/20-policies/warm-ms",
        AtMost(300.0),
        Millis,
    ),
    Target::new(
        "first start with 4 policies, over compiling them by wasmtime alone",
        "start/4-policies/cold-ms",
        AtMost(2.0),
        Times,
    )
    .over("load/4-policies-bare-compile-ms"),
    Target::new(
        "memory at rest, 4 policies",
        "memory/4-policies-at-rest-mib",
        AtMost(40.0),
        Mebibytes,
    ),
    Target::new(
        "memory at peak under load, 4 policies",
        "memory/4-policies-peak-mib",
        AtMost(80.0),
        Mebibytes,
    ),
    Target::new(
        "an execution created and allowed, stored: requests per second, of plain decisions'",
        "executions/created/of-decisions",
        AtLeast(0.4),
        Percent,
    ),
    Target::new(
        "the same on PostgreSQL, of what `pgbench` updates there (simple update)",
        "executions/postgres/created/of-simple-update",
        Reported,
        Percent,
    ),
    Target::new(
        "backtest of a starter policy: recorded decisions per second and core",
        "backtest/rules/per-second-and-core",
        AtLeast(20_000.0),
        PerSecond,
    ),
    Target::new(
        "the same of one that asks the store",
        "backtest/rate-limit/per-second-and-core",
        Reported,
        PerSecond,
    ),
    Target::new(
        "100,000 executions that wait for people: memory grows by",
        "waiting/grown-mib",
        AtMost(50.0),
        Mebibytes,
    ),
    Target::new(
        "100,000 executions that wait: a page of what an approver is asked (p50)",
        "waiting/page-ms",
        AtMost(20.0),
        Millis,
    ),
    Target::new(
        "100,000 executions that wait: to answer and claim one, of what it takes with 10 (p50)",
        "waiting/resume-of-few",
        AtMost(1.2),
        Times,
    ),
    Target::new(
        "a tool that waits and was dropped takes of memory",
        "suspended/kib-each",
        AtMost(4.0),
        Kibibytes,
    ),
    Target::new(
        "a tool that was dropped goes on, longer than one that was held (p50)",
        "suspended/resume-costs-ms",
        AtMost(5.0),
        Millis,
    ),
    Target::new(
        "another set of 20 policies at 2,000 requests a second: requests that fail",
        "swap/failed",
        AtMost(0.0),
        Count,
    ),
    Target::new(
        "the same: latency (p99) in the second in which it takes over, over the p99 before",
        "swap/p99-of-before",
        AtMost(2.0),
        Times,
    ),
    Target::new(
        "the same: latency (p99) while it is loaded, over the p99 before",
        "swap/loading-p99-of-before",
        Reported,
        Times,
    ),
    Target::new(
        "from saving a file to the verdict of the largest starter policy, never seen",
        "saved/unseen-ms",
        AtMost(400.0),
        Millis,
    ),
    Target::new(
        "from saving a file to the verdict of the same with other settings",
        "saved/settings-ms",
        Reported,
        Millis,
    ),
    Target::new(
        "from saving a file to the verdict of one that was compiled before",
        "saved/cached-ms",
        AtMost(50.0),
        Millis,
    ),
    Target::new(
        "a policy in shadow beside another, one connection: latency (p50), over that without",
        "shadow/1/p50-of-without",
        AtMost(1.1),
        Times,
    ),
    Target::new("the same, 32 connections", "shadow/32/p50-of-without", Reported, Times),
];

impl Target {
    const fn new(what: &'static str, figure: &'static str, bound: Bound, unit: Unit) -> Self {
        Self { what, bound, unit, figure, over: None }
    }

    const fn over(self, figure: &'static str) -> Self {
        Self { over: Some(figure), ..self }
    }

    /// What was measured; none where the machine has no such figure.
    pub(super) fn measured(&self, figures: &Figures) -> Option<f64> {
        let figure = figures.get(self.figure)?;
        match self.over {
            Some(over) => Some(figure / figures.get(over)?),
            None => Some(*figure),
        }
    }
}

impl Bound {
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            AtMost(bound) => value <= bound,
            AtLeast(bound) => value >= bound,
            Reported => true,
        }
    }

    pub(super) fn text(self, unit: Unit) -> String {
        match self {
            AtMost(bound) => format!("≤ {}", unit.text(bound)),
            AtLeast(bound) => format!("≥ {}", unit.text(bound)),
            Reported => "none".to_owned(),
        }
    }
}

impl Unit {
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Times => format!("{value:.2} ×"),
            Percent => format!("{:.0} %", value * 100.0),
            PerSecond => format!("{:.1} k/s", value / 1_000.0),
            Micros if value >= 1_000.0 => format!("{:.1} ms", value / 1_000.0),
            Micros => format!("{value:.1} µs"),
            Millis => format!("{value:.1} ms"),
            Mebibytes => format!("{value:.1} MiB"),
            Kibibytes => format!("{value:.1} KiB"),
            Count => format!("{value:.0}"),
        }
    }
}
