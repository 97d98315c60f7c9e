//! Workers beside a server that runs no tools, on one PostgreSQL database: one that stops gives back
//! what it holds, and what one holds that is killed is taken over after its lease.
#![allow(missing_docs, clippy::unwrap_used)]

mod hosts;

use std::time::{Duration, Instant};

use hosts::{Hosts, Worker, text};

/// How long what is held in memory for a minute is leased at least.
const LEASE: Duration = Duration::from_secs(70);

#[test]
fn a_server_without_a_worker_runs_no_tool_and_a_worker_does() {
    let hosts = Hosts::new();
    let asked = hosts.ask("payout");
    hosts.wait_a_second();
    assert_eq!(hosts.see(&asked)["status"], "allowed", "nobody is there to run it");
    let worker = Worker::start(&hosts, 0);
    hosts.until(&asked, |seen| seen["status"] == "suspended");
    hosts.answer(&asked, 0);
    hosts.answer(&asked, 1);
    hosts.until(&asked, |seen| seen["status"] == "succeeded");
    // It tells how it is, and answers nothing else.
    let mut client = worker.client();
    assert_eq!(client.get("/ready").unwrap().status, 200);
    assert_eq!(client.get("/metrics").unwrap().status, 401);
    assert_eq!(client.get("/v1/executions").unwrap().status, 404);
    assert_eq!(client.post("/access/v1/evaluation", "{}").unwrap().status, 404);
    let mut client = worker.client().with_key(&hosts.operator);
    assert_eq!(client.get("/metrics").unwrap().status, 200);
}

#[test]
fn what_a_worker_holds_that_stops_goes_on_at_once_elsewhere() {
    let hosts = Hosts::new();
    // Held in memory for a minute while it waits, so that its lease is longer still.
    let first = Worker::start(&hosts, 60_000);
    let waiting = hosts.ask("payout");
    hosts.until(&waiting, |seen| seen["approvals"][0].is_object());
    let busy = hosts.ask("busy");
    let running = hosts.until(&busy, |seen| seen["status"] == "running");
    let second = Worker::start(&hosts, 60_000);
    let stopped = Instant::now();
    assert!(first.stop().success());
    // What was cut off is begun again by the other one, though its lease has not run out.
    let resumed = |seen: &serde_json::Value| {
        seen["status"] == "running" && seen["holder"] != running["holder"]
    };
    hosts.until(&busy, resumed);
    hosts.answer(&waiting, 0);
    hosts.answer(&waiting, 1);
    hosts.until(&waiting, |seen| seen["status"] == "succeeded");
    assert!(stopped.elapsed() < LEASE, "{:?}", stopped.elapsed());
    let kinds = hosts.kinds(&busy);
    assert!(kinds.contains(&"execution.released".to_owned()), "{kinds:?}");
    second.kill();
}

#[test]
fn what_a_worker_holds_that_is_killed_goes_on_after_its_lease() {
    let hosts = Hosts::new();
    let first = Worker::start(&hosts, 1_000);
    let asked = hosts.ask("payout");
    let held = hosts.until(&asked, |seen| seen["approvals"][0].is_object());
    first.kill();
    let _second = Worker::start(&hosts, 1_000);
    hosts.answer(&asked, 0);
    hosts.answer(&asked, 1);
    let done = hosts.until(&asked, |seen| seen["status"] == "succeeded");
    assert_eq!(done["result"]["number"], 1, "as if nothing had happened: {done}");
    let kinds = hosts.kinds(&asked);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!((count("execution.claimed"), count("approval.asked")), (1, 2));
    assert!(count("execution.resumed") >= 1, "{kinds:?}");
    assert!(!text(&held["id"]).is_empty());
}
