//! A version that is rolled out is so on both servers, and whichever sees that it must not be ends it
//! for both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::hosts::{Hosts, question};

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn rollout(hosts: &Hosts, host: usize) -> Value {
    hosts.get(host, &hosts.operator, "/v1/policies/status").json()["rollout"].clone()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it is never so: {what}");
        std::thread::yield_now();
    }
}

/// Two versions: what needs nobody is less than 100 in the first, and less than 50 in the second.
fn two_versions() -> Hosts {
    let hosts = Hosts::new();
    {
        let servers = hosts.servers.lock().unwrap();
        let path = servers[0].directory().join("writ.toml");
        let text = std::fs::read_to_string(&path).unwrap().replace("lt = 100 }", "lt = 50 }");
        std::fs::write(path, text).unwrap();
    }
    let version =
        |host| hosts.get(host, &hosts.operator, "/v1/policies/status").json()["version"].clone();
    until("both decide by the second", || version(0) == 2 && version(1) == 2);
    hosts.post(0, &hosts.operator, "/v1/policies/rollback", &json!({}));
    until("both decide by the first", || version(0) == 1 && version(1) == 1);
    hosts
}

fn ask(hosts: &Hosts, host: usize, subject: u64) -> Value {
    let mut question = question(60);
    question["subject"]["id"] = format!("s{subject}").into();
    hosts.post(host, &hosts.agent, "/access/v1/evaluation", &question).json()
}

#[test]
fn both_servers_choose_the_same_subjects_and_either_ends_it_for_both() {
    let hosts = two_versions();
    let guard = json!({"min_decisions": 20, "max_latency_factor": 1000});
    let body = json!({"share_percent": 50, "guard": guard});
    let begun = hosts.post(0, &hosts.operator, "/v1/policy-sets/2/canary", &body);
    assert_eq!(begun.status, 200, "{}", begun.text());
    until("the other follows", || rollout(&hosts, 1)["seen"].is_object());
    for subject in 0..12 {
        let sets = [0, 1].map(|host| ask(&hosts, host, subject)["context"]["policy_set"].clone());
        assert_eq!(sets[0], sets[1], "subject {subject}");
    }
    // What the second denies, the first allows: the second server sees it, and both let go.
    until("a guard ends it", || {
        (0..20).for_each(|subject| drop(ask(&hosts, 1, subject)));
        rollout(&hosts, 1)["ended"]["because"] == "max-deny-rate-increase"
    });
    until("both have let go", || {
        [0, 1].iter().all(|host| rollout(&hosts, *host)["ended"].is_object())
    });
    assert!((0..20).all(|subject| ask(&hosts, 0, subject)["decision"] == true));
    let chain = hosts.get(0, &hosts.operator, "/v1/events/verification");
    assert_eq!(chain.status, 200, "{}", chain.text());
}

#[test]
fn both_servers_ask_on_the_side_also_one_that_was_down() {
    let hosts = two_versions();
    let begun = hosts.post(0, &hosts.operator, "/v1/policy-sets/2/shadow", &json!({}));
    assert_eq!(begun.status, 200, "{}", begun.text());
    hosts.kill_and_restart(1);
    for host in [0, 1] {
        until("it is asked", || {
            let reply = hosts.get(host, &hosts.operator, "/v1/policy-sets/2/shadow");
            reply.status == 200
        });
        assert_eq!(ask(&hosts, host, 1)["decision"], true);
        until("it was compared", || {
            let reply = hosts.get(host, &hosts.operator, "/v1/policy-sets/2/shadow");
            reply.json()["changes"]["new-denial"] == 1
        });
    }
    hosts.client(1, &hosts.operator).delete("/v1/policy-sets/2/shadow").unwrap();
    until("both have ended it", || {
        [0, 1].iter().all(|host| rollout(&hosts, *host)["ended"]["because"] == "stopped")
    });
}
