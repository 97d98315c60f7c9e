//! What one server does, the other knows.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::json;
use writ_testkit::http::Reply;

use crate::hosts::{Hosts, question, text};

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends all requests at the same instant, each to another server than the one before.
fn at_once(hosts: &Hosts, count: usize, key: &str, path: &str, body: &str) -> Vec<Reply> {
    let barrier = Arc::new(Barrier::new(count));
    let threads: Vec<_> = (0..count)
        .map(|turn| {
            let (mut client, barrier) = (hosts.client(turn, key), barrier.clone());
            let (path, body) = (path.to_owned(), body.to_owned());
            std::thread::spawn(move || {
                barrier.wait();
                client.post(&path, &body).unwrap()
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[test]
fn one_approval_through_two_servers_gives_one_permit() {
    let hosts = Hosts::new();
    for round in 0..4 {
        let asked = hosts.post(round, &hosts.agent, "/v1/executions", &question(500)).json();
        assert_eq!(asked["status"], "awaiting-approval");
        let path = format!("/v1/approvals/{}/decision", text(&asked["approvals"][0]["id"]));
        let answers = at_once(&hosts, 2, &hosts.ann, &path, r#"{"decision": "approve"}"#);
        // The same answer of the same person may be given again.
        assert!(count(&answers, 200) >= 1, "{answers:?}");
        assert_eq!(count(&answers, 200) + count(&answers, 409), 2, "{answers:?}");
        let events = format!("/v1/executions/{}/events", text(&asked["id"]));
        let events = hosts.get(round, &hosts.agent, &events).json();
        let of = |kind: &str| {
            let events = events["items"].as_array().unwrap().iter();
            events.filter(|event| event["kind"] == kind).count()
        };
        assert_eq!((of("approval.voted"), of("execution.allowed")), (1, 1));
        let path = format!("/v1/executions/{}/claim", text(&asked["id"]));
        let body = json!({"digest": asked["digest"]}).to_string();
        let claims = at_once(&hosts, 16, &hosts.agent, &path, &body);
        let statuses: Vec<_> = claims.iter().map(|claim| claim.status).collect();
        assert_eq!((count(&claims, 200), count(&claims, 409)), (1, 15), "{statuses:?}");
    }
}

#[test]
fn a_key_works_on_both_servers_from_its_making_to_its_end() {
    let hosts = Hosts::new();
    let body = json!({"name": "other", "roles": ["agent"]});
    let made = hosts.post(1, &hosts.operator, "/v1/keys", &body).json();
    let key = text(&made["key"]);
    for host in 0..2 {
        assert_eq!(hosts.get(host, &key, "/v1/executions").status, 200);
    }
    let revoke = format!("/v1/keys/{}", text(&made["id"]));
    assert_eq!(hosts.client(0, &hosts.operator).delete(&revoke).unwrap().status, 204);
    assert_eq!(hosts.get(0, &key, "/v1/executions").status, 401);
    let began = Instant::now();
    while hosts.get(1, &key, "/v1/executions").status != 401 {
        assert!(began.elapsed() < PATIENCE, "the key still works on the other server");
    }
}

#[test]
fn who_waits_on_one_server_is_told_what_people_say_on_the_other() {
    let hosts = Hosts::new();
    let mut client = hosts.client(0, &hosts.agent);
    let waiting = std::thread::spawn(move || {
        let body = question(500).to_string();
        client.post_with("/v1/executions", &[("Prefer", "wait=50")], &body).unwrap()
    });
    let began = Instant::now();
    let approval = loop {
        let mine = hosts.get(1, &hosts.ann, "/v1/approvals").json();
        if let Some(id) = mine["items"][0]["id"].as_str() {
            break id.to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "nobody is asked");
    };
    let body = json!({"decision": "approve"});
    let path = format!("/v1/approvals/{approval}/decision");
    assert_eq!(hosts.post(1, &hosts.ann, &path, &body).status, 200);
    let answer = waiting.join().unwrap();
    assert_eq!((answer.status, answer.json()["status"].clone()), (201, json!("allowed")));
}

#[test]
fn events_of_one_server_stream_on_the_other() {
    let hosts = Hosts::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("http://{}/v1/events", hosts.servers.lock().unwrap()[1].address());
    let request = reqwest::Client::new().get(url).bearer_auth(&hosts.operator);
    let mut stream = runtime.block_on(request.send()).unwrap();
    let asked = hosts.post(0, &hosts.agent, "/v1/executions", &question(20)).json();
    let id = text(&asked["id"]);
    let mut read = String::new();
    while !(read.contains("execution.allowed") && read.contains(&id)) {
        let chunk = async { tokio::time::timeout(PATIENCE, stream.chunk()).await };
        let chunk = runtime.block_on(chunk);
        read += std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap();
    }
}
