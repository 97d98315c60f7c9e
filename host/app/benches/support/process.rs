//! What a process takes of memory and processors, as Linux counts it. Elsewhere there is no figure
//! (NaN).

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
