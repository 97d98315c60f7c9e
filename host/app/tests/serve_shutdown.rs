//! How a server ends: asked to, it finishes what it has begun; killed, it has lost no decision that
//! it has answered.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use writ_core::Tenant;
use writ_store::{Store, StoreConfig};
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::server::Writ;

const EVALUATION: &str = "/access/v1/evaluation";

/// The limits leave room for a machine that is busy: what is decided is not what is looked at.
const CONFIG: &str = r#"
[store]
directory = "data"

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["read*"] }
limits = { deadline-ms = 10000, timeout-ms = 30000 }

[[binding]]
name = "rate"
source = "rate-limit.wasm"
settings = { limit = 1000, window-seconds = 1 }
limits = { deadline-ms = 10000, timeout-ms = 30000 }
"#;

fn server() -> Writ {
    let policies =
        ["tool-list", "rate-limit"].map(|name| (format!("{name}.wasm"), guests::bytes(name)));
    let place: Vec<_> =
        policies.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &place)
}

fn question(subject: usize) -> String {
    json!({
        "subject": {"type": "user", "id": format!("u{subject}")},
        "action": {"name": "read", "properties": {"n": subject}},
        "resource": {"type": "record", "id": "1"},
    })
    .to_string()
}

/// Asks until the connection breaks; gives the ids of the decisions that were answered.
fn ask_until_it_breaks(mut client: Client, subject: usize, answered: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut ask = || -> io::Result<String> {
        let reply = client.post(EVALUATION, &question(subject))?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Ok(reply.json()["context"]["decision_id"].as_str().expect("an id").to_owned())
    };
    while let Ok(id) = ask() {
        ids.push(id);
        answered.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

#[test]
fn a_kill_at_any_moment_loses_no_answered_decision() {
    let mut server = server();
    // Later kills come at other moments of a batch, and meet a store that is not empty.
    for kill_after in [1, 50, 400] {
        let (answered, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for subject in 0..16 {
                let client = server.client();
                let (answered, all) = (&answered, &all);
                scope.spawn(move || {
                    let ids = ask_until_it_breaks(client, subject, answered);
                    all.lock().unwrap().extend(ids);
                });
            }
            while answered.load(Ordering::Relaxed) < kill_after {
                std::thread::yield_now();
            }
            server.kill();
        });
        let ids = all.into_inner().unwrap();
        assert!(ids.len() >= kill_after);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
        assert_eq!(missing(&server, &ids), Vec::<String>::new());
        server.restart();
    }
}

/// The decisions that the store does not hold.
fn missing(server: &Writ, ids: &[String]) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(StoreConfig::new(server.directory().join("data"))).await.unwrap();
        let mut missing = Vec::new();
        for id in ids {
            match store.decision(&Tenant::default(), id).await.unwrap() {
                Some(decision) => assert_eq!(decision.outcome, "allowed", "{id}"),
                None => missing.push(id.clone()),
            }
        }
        store.close().await.unwrap();
        missing
    })
}

#[test]
fn asked_to_stop_it_answers_what_it_has_begun_and_leaves_nothing_open() {
    let mut server = server();
    let mut begun = server.client();
    let mut idle = server.client();
    assert_eq!(idle.get("/ready").unwrap().status, 200);
    // Half of a request: once the server says `100 Continue`, it is under way.
    let body = question(1);
    let head = format!(
        "{}Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n",
        begun.head("POST", EVALUATION),
        body.len(),
    );
    assert_eq!(begun.send(&head, b"").unwrap().status, 100);
    begun.write(&body.as_bytes()[..10]).unwrap();
    server.ask_to_stop();
    // An idle connection is closed, which tells that draining has begun.
    assert!(idle.read().is_err());
    assert!(Client::connect(server.address()).and_then(|mut c| c.get("/health")).is_err());
    begun.write(&body.as_bytes()[10..]).unwrap();
    let reply = begun.read().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let id = reply.json()["context"]["decision_id"].as_str().unwrap().to_owned();
    assert!(server.wait().success());
    assert_eq!(missing(&server, &[id]), Vec::<String>::new());
}
