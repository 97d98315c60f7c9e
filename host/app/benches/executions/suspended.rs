//! A tool that waits for people: held in memory, and dropped.

use std::time::Instant;

use serde_json::{Value, json};

use crate::effort::{Effort, median, print};
use crate::process;
use crate::sets;
use crate::world::{Caller, EXECUTIONS};

/// How long a tool that waits is held, in milliseconds: not at all, or longer than anybody takes here.
const DROPPED: u64 = 0;
const HELD: u64 = 60_000;

/// How many are held at once: fewer than a host runs, or the next one waits until a grace period ends.
const HELD_MAX: usize = 8;
/// How many are asked before anything counts.
const WARM_UP: usize = 200;

pub(crate) fn measure(effort: Effort) {
    let runs = match effort {
        Effort::Quick => 20,
        Effort::Full => 1_000,
    };
    let held = Asked::of(HELD, runs.min(HELD_MAX));
    let dropped = Asked::of(DROPPED, runs);
    print("suspended/kib-each", dropped.kib_each);
    print("suspended/held/goes-on-ms", held.goes_on_ms);
    print("suspended/dropped/goes-on-ms", dropped.goes_on_ms);
    print("suspended/resume-costs-ms", dropped.goes_on_ms - held.goes_on_ms);
}

/// What it took to have tools wait, and go on.
struct Asked {
    /// Memory of the host for one that waits.
    kib_each: f64,
    /// From the answer to the end of the tool.
    goes_on_ms: f64,
}

impl Asked {
    fn of(grace_ms: u64, runs: usize) -> Self {
        let server = sets::payout(grace_ms).start();
        let mut agent = Caller::new(&server, "shop", "agent", &[]);
        let mut treasurer = Caller::new(&server, "tess", "approver", &["treasury"]);
        let mut director = Caller::new(&server, "dora", "approver", &["directors"]);
        // The first ones are not measured: they fill what is kept for all, which has bounds of its own.
        let warm: Vec<Value> =
            (0..runs.min(WARM_UP)).map(|_| asks_again(&mut agent, &mut treasurer)).collect();
        for asked in &warm {
            goes_on_ms(&mut agent, &mut director, asked);
        }
        let before = process::resident(server.id());
        let waiting: Vec<Value> =
            (0..runs).map(|_| asks_again(&mut agent, &mut treasurer)).collect();
        let kib_each = (process::resident(server.id()) - before) * 1_024.0 / runs as f64;
        let goes_on = waiting.iter().map(|asked| goes_on_ms(&mut agent, &mut director, asked));
        Self { kib_each, goes_on_ms: median(goes_on) }
    }
}

/// A payout that has asked its second question.
fn asks_again(agent: &mut Caller, treasurer: &mut Caller) -> Value {
    let question = json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": "payout", "properties": {"payee": "acme", "cents": 500}},
        "resource": {"type": "account", "id": "main"},
        "tool": "payout",
    });
    let asked = agent.post(EXECUTIONS, &question);
    let asked = agent.until(&asked, |seen| seen["approvals"].get(0).is_some());
    treasurer.approve(&asked, 0);
    agent.until(&asked, |seen| seen["approvals"].get(1).is_some())
}

fn goes_on_ms(agent: &mut Caller, director: &mut Caller, asked: &Value) -> f64 {
    let begin = Instant::now();
    director.approve(asked, 1);
    agent.until(asked, |seen| seen["status"] == "succeeded");
    begin.elapsed().as_secs_f64() * 1_000.0
}
