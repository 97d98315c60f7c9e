//! Load on two servers, of which one is killed and started again, over and over.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde_json::{Value, json};
use writ_testkit::http::Reply;

use crate::hosts::{Hosts, question, text, writ};

/// How many executions are asked for in all.
const EXECUTIONS: usize = 160;
/// How many ask at the same time.
const WORKERS: usize = 6;
/// After how many executions a server is killed.
const KILL_EVERY: usize = 20;
/// How often something is sent again that nobody answered.
const TRIES_MAX: usize = 2_000;
/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of an execution from what was answered.
struct Known {
    id: String,
    /// How many claims got a permit.
    begun: usize,
    /// Whether the report was taken.
    reported: bool,
}

#[test]
fn each_approved_execution_begins_once_while_a_server_is_killed_over_and_over() {
    let hosts = Hosts::new();
    let next = AtomicUsize::new(0);
    let (done, finished) = mpsc::channel();
    let mut killed = 0;
    let known: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (done, hosts, next) = (done.clone(), &hosts, &next);
                scope.spawn(move || work(hosts, next, &done))
            })
            .collect();
        for count in 1..=EXECUTIONS {
            finished.recv_timeout(PATIENCE).expect("somebody gets on");
            if count % KILL_EVERY == 0 {
                hosts.kill_and_restart(killed);
                killed += 1;
            }
        }
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!((known.len(), killed), (EXECUTIONS, EXECUTIONS / KILL_EVERY));
    for execution in &known {
        is_as_answered(&hosts, execution);
    }
    let begun = known.iter().filter(|execution| execution.begun == 1).count();
    assert!(begun > EXECUTIONS / 2, "{begun} of {EXECUTIONS} began: too few to tell anything");
    let verified = writ(Path::new("."), &hosts.database, &["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}

fn is_as_answered(hosts: &Hosts, known: &Known) {
    let Known { id, begun, reported } = known;
    assert!(*begun <= 1, "{id} began {begun} times");
    let path = format!("/v1/executions/{id}");
    let kept = hosts.get(1, &hosts.agent, &path);
    assert_eq!(kept.status, 200, "{id} is lost: {}", kept.text());
    let status = text(&kept.json()["status"]);
    let expected: &[&str] = match (begun, reported) {
        (_, true) => &["succeeded"],
        // Nobody was answered, but it may have happened.
        (1, false) => &["running", "succeeded", "unknown"],
        _ => &["allowed", "running", "unknown"],
    };
    assert!(expected.contains(&status.as_str()), "{id} is {status}, must be {expected:?}");
    let events = hosts.get(0, &hosts.agent, &format!("{path}/events")).json();
    let claimed = |event: &&Value| event["kind"] == "execution.claimed";
    let claims = events["items"].as_array().unwrap().iter().filter(claimed).count();
    assert!(claims <= 1 && claims >= *begun, "{id} was claimed {claims} times");
}

/// Asks, agrees, claims and reports, until enough was asked for.
fn work(hosts: &Hosts, next: &AtomicUsize, done: &Sender<()>) -> Vec<Known> {
    let mut known = Vec::new();
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        if turn >= EXECUTIONS {
            return known;
        }
        known.push(carry_out(hosts, turn));
        done.send(()).unwrap();
    }
}

fn carry_out(hosts: &Hosts, turn: usize) -> Known {
    let (key, body) = (format!("k{turn}"), question(500).to_string());
    let asked = until_answered(turn, |host| {
        let mut client = hosts.try_client(host, &hosts.agent)?;
        client.post_with("/v1/executions", &[("Idempotency-Key", &key)], &body).ok()
    });
    assert!(asked.status < 300, "{}", asked.text());
    let asked = asked.json();
    assert!(asked["approvals"][0].is_object(), "{asked}");
    let approval = text(&asked["approvals"][0]["id"]);
    let path = format!("/v1/approvals/{approval}/decision");
    let approved = send(hosts, turn + 1, &hosts.ann, &path, &json!({"decision": "approve"}));
    // The first answer may have been lost, and the approval be over.
    assert!([200, 409].contains(&approved.status), "{}", approved.text());
    let id = text(&asked["id"]);
    let claims = claim_twice(hosts, turn, &id, &asked["digest"]);
    let permits: Vec<_> = claims.iter().filter(|claim| claim.status == 200).collect();
    let reported = permits.first().is_some_and(|claim| {
        let body = json!({"permit": claim.json()["permit"], "outcome": "succeeded"});
        let path = format!("/v1/executions/{id}/report");
        send(hosts, turn, &hosts.agent, &path, &body).status == 200
    });
    Known { id, begun: permits.len(), reported }
}

/// Two claim at the same time, one on each server.
fn claim_twice(hosts: &Hosts, turn: usize, id: &str, digest: &Value) -> Vec<Reply> {
    let (path, body) = (format!("/v1/executions/{id}/claim"), json!({"digest": digest}));
    std::thread::scope(|scope| {
        let claims: Vec<_> = (0..2)
            .map(|other| {
                let (path, body) = (&path, &body);
                scope.spawn(move || send(hosts, turn + other, &hosts.agent, path, body))
            })
            .collect();
        claims.into_iter().map(|claim| claim.join().unwrap()).collect()
    })
}

fn send(hosts: &Hosts, turn: usize, key: &str, path: &str, body: &Value) -> Reply {
    let body = body.to_string();
    until_answered(turn, |host| hosts.try_client(host, key)?.post(path, &body).ok())
}

/// Sends again, to the one server and the other, until one answers.
fn until_answered(turn: usize, send: impl Fn(usize) -> Option<Reply>) -> Reply {
    for host in turn..turn + TRIES_MAX {
        match send(host) {
            Some(reply) if reply.status != 503 => return reply,
            _ => std::thread::yield_now(),
        }
    }
    panic!("nobody answers");
}
