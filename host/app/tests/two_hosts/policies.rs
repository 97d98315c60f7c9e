//! One policy set for two servers: whichever is told, both decide by it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::hosts::{Hosts, question};

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn status(hosts: &Hosts, host: usize) -> Value {
    hosts.get(host, &hosts.operator, "/v1/policies/status").json()
}

fn allows(hosts: &Hosts, host: usize) -> bool {
    let path = "/access/v1/evaluation";
    hosts.post(host, &hosts.agent, path, &question(60)).json()["decision"] == true
}

/// Has one server's files say that only less than 50 needs nobody.
fn lower(hosts: &Hosts, host: usize) {
    let servers = hosts.servers.lock().unwrap();
    let path = servers[host].directory().join("writ.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("lt = 100 }", "lt = 50 }");
    std::fs::write(path, text).unwrap();
}

fn until(hosts: &Hosts, host: usize, version: u64) {
    let start = Instant::now();
    while status(hosts, host)["version"] != version {
        assert!(start.elapsed() < PATIENCE, "{:#}", status(hosts, host));
        std::thread::yield_now();
    }
}

#[test]
fn what_one_server_is_told_both_decide_by_also_one_that_was_down() {
    let hosts = Hosts::new();
    assert_eq!([0, 1].map(|host| status(&hosts, host)["version"].clone()), [1, 1]);
    lower(&hosts, 0);
    for host in [0, 1] {
        until(&hosts, host, 2);
        assert!(!allows(&hosts, host), "server {host}");
    }
    let rolled = hosts.post(1, &hosts.operator, "/v1/policies/rollback", &json!({}));
    assert_eq!(rolled.json()["version"], 1, "{}", rolled.text());
    until(&hosts, 0, 1);
    assert!(allows(&hosts, 0) && allows(&hosts, 1));

    // Both were started with files of their own: neither takes the set back to what they say.
    let again = hosts.post(0, &hosts.operator, "/v1/policy-sets/2/activate", &json!({}));
    assert_eq!(again.status, 200, "{}", again.text());
    for host in [0, 1] {
        hosts.kill_and_restart(host);
        assert_eq!(status(&hosts, host)["version"], 2, "server {host}");
        assert!(!allows(&hosts, host), "server {host}");
    }
}
