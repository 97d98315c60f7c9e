//! What ended long ago is removed by whichever server serves, and the evidence stays whole.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use writ::config::{Config, ConfigError, Overrides};
use writ::service::Retention;
use writ_core::execution::{Denied, Event, Ruling};
use writ_core::{Action, Digest, Entity, Execution, Json, Request, Tenant};
use writ_store::{Created, Store, StoreConfig};
use writ_testkit::guests;
use writ_testkit::server::Writ;
use writ_testkit::wait;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
[log]
level = "error"

[store]
directory = "data"

[retention]
days = DAYS

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["read"] }
"#;

/// An execution that was denied in 1970.
fn denied(id: &str) -> Created {
    let entity = || Entity { kind: "k".into(), id: "i".into(), properties: Json::empty_object() };
    let action = Action { name: "a".into(), properties: Json::empty_object() };
    let (subject, resource, context) = (entity(), entity(), Json::empty_object());
    let request = Request { subject, action, resource, context };
    let (requester, at_ms) = ("app".parse().unwrap(), 1_000);
    let received =
        Execution::received(id.into(), Tenant::default(), requester, request.clone(), 1_000, at_ms);
    let ruling = Ruling::Denied(Denied { code: "denied-by-policy".into(), reasons: Vec::new() });
    let decided = Event::Decided {
        policy_set: Digest::of("set"),
        decision: id.into(),
        ruling,
        request,
        at_ms,
    };
    let transition = received.apply(decided).unwrap();
    let (execution, facts) = (transition.next, transition.facts);
    Created { execution, facts, at_ms, idempotency: Vec::new(), retries: None }
}

/// A server that begins with two executions of 1970.
fn server(days: &str) -> Writ {
    let policy = ("tool-list.wasm", guests::bytes("tool-list"));
    let config = CONFIG.replace("DAYS", days);
    let mut server = Writ::start(env!("CARGO_BIN_EXE_writ"), &config, &[policy]);
    server.kill();
    let directory = server.directory().join("data");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(StoreConfig::new(directory)).await.unwrap();
        for id in ["old-1", "old-2"] {
            store.create(denied(id), None).await.unwrap();
        }
        store.close().await.unwrap();
    });
    server.restart();
    server
}

fn verified(server: &Writ) -> Value {
    let reply = server.client().get("/v1/events/verification").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn a_server_removes_what_ended_long_ago_and_says_so() {
    let server = server("90");
    let new = json!({
        "subject": {"type": "agent", "id": "shop"},
        "action": {"name": "read"},
        "resource": {"type": "account", "id": "main"},
    });
    let new = server.client().post("/v1/executions", &new.to_string()).unwrap().json();
    let gone = |id: &str| {
        let reply = server.client().get(&format!("/v1/executions/{id}")).unwrap();
        reply.status == 404
    };
    wait::until(PATIENCE, || match gone("old-1") && gone("old-2") {
        true => Ok(()),
        false => Err("they stay".to_owned()),
    });
    let whole = verified(&server);
    assert_eq!((&whole["anchor"]["after"], &whole["executions"]), (&json!(6), &json!(1)));
    // Those of the new execution, and the one that tells of the removal, which is no execution's.
    assert_eq!(whole["events"], 4);
    let path = format!("/v1/executions/{}/events", new["id"].as_str().unwrap());
    let events = server.client().get(&path).unwrap().json();
    assert_eq!(events["items"].as_array().unwrap().len(), 3);
    let metrics = server.client().get("/metrics").unwrap();
    for line in ["writ_retention_executions_total 2", "writ_retention_events_total 6"] {
        assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    }
    let directory = server.directory().to_owned();
    let mut server = server;
    server.ask_to_stop();
    assert!(server.wait().success());
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["audit", "verify", "--data-dir"])
        .arg(directory.join("data"))
        .current_dir(&directory)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success(), "{told:?}");
    // The server has told how far its decisions have come when it stopped.
    let whole = "5 events of 1 executions and 1 decisions are whole";
    assert!(text.starts_with(whole), "{text}");
    assert!(text.contains("\nThe chain begins after event 6 (sha256:"), "{text}");
}

#[test]
fn a_server_that_keeps_for_ever_removes_nothing() {
    let server = server("\"forever\"");
    // Anything that it did would be done by the time that it has answered and stopped.
    let whole = verified(&server);
    assert_eq!((&whole["events"], &whole["anchor"]), (&json!(6), &Value::Null));
    let mut server = server;
    server.ask_to_stop();
    assert!(server.wait().success());
    server.restart();
    assert_eq!(verified(&server)["events"], 6);
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writ.toml"), text).unwrap();
    Config::load(&directory.path().join("writ.toml"), &Overrides::default())
}

#[test]
fn retention_has_a_default_bounds_and_a_word_for_ever() {
    let check = |text: &str, expected| assert_eq!(load(text).unwrap().retention, expected);
    check("", Retention::Days(90));
    check("[retention]\ndays = 1", Retention::Days(1));
    check("[retention]\ndays = 36_500", Retention::Days(36_500));
    check("[retention]\ndays = \"forever\"", Retention::Forever);
    for (value, message) in [
        ("0", "`retention.days` is 0, must be 1 to 36500"),
        ("36501", "`retention.days` is 36501, must be 1 to 36500"),
        ("\"never\"", "`never` is no number of days"),
        ("true", "must be a number of days, or \"forever\""),
    ] {
        let error = load(&format!("\n[retention]\ndays = {value}")).unwrap_err();
        assert!(error.message.ends_with(message), "{error}");
        assert_eq!(error.place.position.map(|(line, _)| line), Some(3), "{error}");
    }
}
