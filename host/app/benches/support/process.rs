//! What a process takes of memory and processors, as Linux counts it (elsewhere there is no figure:
//! NaN), and what it waits for the disk.
#![allow(dead_code)]

use std::io::Write;
use std::time::Instant;

/// What is resident now, in MiB.
pub(crate) fn resident(process: u32) -> f64 {
    field(process, "VmRSS:")
}

/// The most that ever was resident, in MiB.
pub(crate) fn peak(process: u32) -> f64 {
    field(process, "VmHWM:")
}

fn field(process: u32, name: &str) -> f64 {
    let kib = || -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    kib().map_or(f64::NAN, |kib| kib / 1_024.0)
}

/// Processor time of all its threads so far, in microseconds.
pub(crate) fn cpu_us(process: u32) -> f64 {
    let nanos = || -> Option<f64> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let of_thread = |thread: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
            let figures = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            figures.split(' ').next()?.parse().ok()
        };
        Some(threads.filter_map(of_thread).sum())
    };
    nanos().map_or(f64::NAN, |nanos| nanos / 1_000.0)
}

/// What one fsync of a page takes now, in microseconds, where the servers keep their files (p50).
pub(crate) fn fsync_us() -> f64 {
    let mut file = tempfile::tempfile().expect("a file");
    let one = |_| {
        file.write_all(&[1; 4_096]).expect("a file can be written");
        let start = Instant::now();
        file.sync_all().expect("a file can be synchronised");
        start.elapsed().as_secs_f64() * 1e6
    };
    super::effort::median((0..200).map(one))
}
