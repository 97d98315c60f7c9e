//! What guests that misbehave cost their host: how late a loop ends, and what memory a bomb takes
//! beyond its cap.

use std::time::Duration;

use serde_json::json;
use writ_core::{FaultCode, Limits};

use super::fixture::{self, Bench};
use super::paired::{Effort, print};

const MIB: f64 = (1 << 20) as f64;

/// Measures and prints.
pub(crate) fn measure(effort: Effort) {
    let bench = Bench::new(0);
    loops(&bench, effort);
    bombs(&bench);
}

fn loops(bench: &Bench, effort: Effort) {
    let limits = Limits { fuel: 100_000_000_000, deadline_ms: 20, ..Limits::default() };
    let deadline = Duration::from_millis(limits.deadline_ms);
    let image = bench.load(&fixture::hostile("loop-in-evaluate"), &json!({}), &limits);
    let calls = if effort == Effort::Quick { 50 } else { 200 };
    let mut late: Vec<_> = (0..calls)
        .map(|_| {
            let (fault, duration) = bench.fault(&image);
            assert_eq!(fault.code, FaultCode::DeadlineExceeded);
            duration.saturating_sub(deadline).as_secs_f64() * 1_000.0
        })
        .collect();
    late.sort_unstable_by(f64::total_cmp);
    print("hostile/loop-late-p50-ms", late[late.len() / 2]);
    print("hostile/loop-late-p95-ms", late[late.len() * 95 / 100]);
    print("hostile/loop-late-max-ms", late[late.len() - 1]);
}

fn bombs(bench: &Bench) {
    let limits = Limits { fuel: 100_000_000_000, deadline_ms: 10_000, ..Limits::default() };
    let image = bench.load(&fixture::hostile("memory-bomb"), &json!({}), &limits);
    let cap = limits.memory_bytes_max as f64 / MIB;
    let before = memory("VmRSS:");
    // Linux forgets the peak so far (proc_pid_clear_refs(5)); elsewhere there is no figure at all.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (fault, _) = bench.fault(&image);
    assert_eq!(fault.code, FaultCode::MemoryLimit);
    print("hostile/bomb-beyond-cap-mib", memory("VmHWM:") - before - cap);
    print("hostile/bomb-kept-mib", memory("VmRSS:") - before);
}

/// A figure of this process, in MiB.
fn memory(name: &str) -> f64 {
    let kib = || -> Option<f64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    kib().map_or(f64::NAN, |kib| kib / 1_024.0)
}
