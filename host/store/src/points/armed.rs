//! The point that this process is armed with, and its end there.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// A process dies once, so it has one. The only thing here that is global: points are passed
/// wherever something happens, by whatever knows nothing of them.
static ARMED: OnceLock<Armed> = OnceLock::new();

#[derive(Debug)]
struct Armed {
    name: String,
    /// How many passages are survived.
    left: AtomicU64,
}

/// From now on, this process dies at the `passage`-th passage of a point, counted from 1. Only the
/// first call of a process counts.
pub fn arm(name: &str, passage: u64) {
    let left = AtomicU64::new(passage.saturating_sub(1));
    ARMED.get_or_init(|| Armed { name: name.to_owned(), left });
}

pub(super) fn pass(name: &str) {
    let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
    let survive = |left: u64| left.checked_sub(1);
    if armed.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, survive).is_err() {
        die();
    }
}

/// Ends this process without any chance to tidy up.
fn die() -> ! {
    kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
    // The signal takes all threads; this one must not go on meanwhile.
    loop {
        std::thread::park();
    }
}
