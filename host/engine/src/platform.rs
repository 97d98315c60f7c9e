//! What only Linux has, in one place, each with what happens elsewhere.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Pid, Resource, Rlimit, Signal};
use writ_core::LoadLimits;

use crate::config::MEMORIES_MAX;
use crate::load_error::CompileLimit;

/// Whether the kernel's PAGEMAP_SCAN may be used to reset memories between evaluations.
///
/// Not where pages may be swapped out: a page in swap would not be found, and the next guest would
/// see it. That is looked at once, so swap must not be switched on under a host that runs. Elsewhere
/// than on Linux there is no such thing.
pub(crate) fn pagemap_scan_is_sound() -> bool {
    #[cfg(target_os = "linux")]
    {
        // The first line is the table's head.
        std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() <= 1)
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

/// Address space that the process that compiles may reserve without having memory there: memories of
/// guests that it runs, each with all that 32 bits reach and guards around it.
const RESERVED_BYTES_MAX: u64 = (MEMORIES_MAX as u64 + 1) * (5 << 30);
/// How much the process that compiles steps back behind others, where processors are short: it gets a
/// third of what a thread gets that answers requests. More would make a change of policies wait for
/// minutes on a machine that has no time to spare (10 was tried: 7 to 18 s, beside six busy threads).
const NICENESS: i32 = 5;

/// Limits the process that compiles, for the rest of its life: memory that it may write to, address
/// space, processor time, no core file, no file written, few files open; and lets others go first.
///
/// Elsewhere than on Linux only processor time and core files are limited where the system lets
/// us; the host's wall clock ends the process there.
pub(crate) fn limit_compiler(limits: &LoadLimits) -> io::Result<()> {
    let at_most = |soft, hard| Rlimit { current: Some(soft), maximum: Some(hard) };
    let memory = limits.compile_memory_bytes_max;
    let space = memory.saturating_add(RESERVED_BYTES_MAX);
    // The soft limit ends the process with a signal that tells why, the hard one is behind it.
    let seconds = limits.compile_cpu_seconds_max;
    let everywhere =
        [(Resource::Core, at_most(0, 0)), (Resource::Cpu, at_most(seconds, seconds + 1))];
    let on_linux = [
        (Resource::Data, at_most(memory, memory)),
        (Resource::As, at_most(space, space)),
        (Resource::Fsize, at_most(0, 0)),
        (Resource::Nofile, at_most(64, 64)),
    ];
    for (resource, limit) in everywhere {
        lower(resource, limit)?;
    }
    if cfg!(target_os = "linux") {
        for (resource, limit) in on_linux {
            lower(resource, limit)?;
        }
    }
    rustix::process::nice(NICENESS)?;
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn lower(resource: Resource, limit: Rlimit) -> io::Result<()> {
    let held = rustix::process::getrlimit(resource);
    let lower = |wanted: Option<u64>, held: Option<u64>| match (wanted, held) {
        (Some(wanted), Some(held)) => Some(wanted.min(held)),
        (wanted, held) => wanted.or(held),
    };
    let limit = Rlimit {
        current: lower(limit.current, held.current),
        maximum: lower(limit.maximum, held.maximum),
    };
    rustix::process::setrlimit(resource, limit)?;
    Ok(())
}

/// Kills a process and every process that it started.
pub(crate) fn kill_group(leader: u32) {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        // It may have ended by itself meanwhile, which is as good.
        let _ = rustix::process::kill_process_group(leader, Signal::KILL);
    }
}

/// Which of its limits ended a compiling process; none where it was something else.
pub(crate) fn limit_that_ended(status: ExitStatus, noise: &str) -> Option<CompileLimit> {
    let signal = status.signal().and_then(Signal::from_named_raw);
    if signal == Some(Signal::XCPU) {
        return Some(CompileLimit::Processor);
    }
    // Nobody but the system kills it before its time is over, and then for want of memory.
    let killed = signal == Some(Signal::KILL);
    (killed || is_out_of_memory(noise)).then_some(CompileLimit::Memory)
}

/// Whether a text of the system, of Rust or of wasmtime says that there was no memory.
pub(crate) fn is_out_of_memory(text: &str) -> bool {
    ["memory allocation of", "os error 12", "Cannot allocate memory", "out of memory"]
        .iter()
        .any(|words| text.contains(words))
}
