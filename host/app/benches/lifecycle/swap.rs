//! Another set of 20 policies, while 2,000 questions a second are asked; 200 for a quick look, which a
//! host that is not optimised can answer, too.

use std::time::Duration;

use writ_testkit::server::Writ;

use crate::effort::{Effort, median, print};
use crate::paced::{Paced, now_us};
use crate::sets;

const POLICIES: usize = 20;
/// What is asked before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long is measured before the set is saved.
const BEFORE: Duration = Duration::from_secs(2);
/// How long it may take until it decides.
const LOADING_MAX: Duration = Duration::from_secs(30);
const SECOND_US: u64 = 1_000_000;

/// One swap.
struct Swap {
    failed: u64,
    /// What answers took (p99): before the set was saved, while it was loaded, and in the second in the
    /// middle of which it began to decide. In microseconds.
    before_us: f64,
    loading_us: f64,
    swap_us: f64,
    /// From the file to the decision, in milliseconds.
    loading_ms: f64,
}

pub(crate) fn measure(effort: Effort) {
    let server = sets::varied(POLICIES, 0).start();
    // No set is one that was there.
    let per_second = match effort {
        Effort::Quick => 200,
        Effort::Full => 2_000,
    };
    let swap = |round| swap(&server, per_second, round);
    let swaps: Vec<_> = (1..=effort.rounds()).map(swap).collect();
    let over = |figure: fn(&Swap) -> f64| median(swaps.iter().map(figure));
    print("swap/failed", swaps.iter().map(|swap| swap.failed as f64).sum());
    print("swap/before-p99-us", over(|swap| swap.before_us));
    print("swap/p99-of-before", over(|swap| swap.swap_us / swap.before_us));
    print("swap/loading-p99-of-before", over(|swap| swap.loading_us / swap.before_us));
    print("swap/loading-ms", over(|swap| swap.loading_ms));
}

fn swap(server: &Writ, per_second: u32, round: usize) -> Swap {
    let paced = Paced { address: server.address(), per_second, key: server.key() };
    let mut client = server.client();
    let started = now_us();
    let running = paced.start(WARM_UP + BEFORE + LOADING_MAX);
    std::thread::sleep(WARM_UP + BEFORE);
    let saved = now_us();
    sets::varied(POLICIES, round * POLICIES).write(server.directory());
    let reply = client.post("/v1/policies/reload", "{}").expect("the server answers");
    let decides = now_us();
    assert_eq!(reply.status, 200, "{}", reply.text());
    std::thread::sleep(Duration::from_secs(1));
    let seen = running.stop();
    assert!(seen.answered() > 0, "nobody was answered");
    Swap {
        failed: seen.failed,
        before_us: seen.p99_us(started + WARM_UP.as_micros() as u64, saved),
        loading_us: seen.p99_us(saved, decides),
        swap_us: seen.p99_us(decides - SECOND_US / 2, decides + SECOND_US / 2),
        loading_ms: (decides - saved) as f64 / 1_000.0,
    }
}
