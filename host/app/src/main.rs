//! The binary `writ`: see the library's `cli`.

use std::process::ExitCode;

/// Answers have a kilobyte or two, and glibc tidies its heap for each allocation of more than one:
/// that was a quarter of what a decision cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, which nearly doubles what the process holds at rest. A
    // system that has none refuses this, and that is as well.
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).ok();
    writ::cli::main()
}
