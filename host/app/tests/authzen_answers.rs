//! What a decision says beside yes and no: amendments, requirements, faults; and that all of it is
//! stored under the id that was answered.
#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::{Value, json};
use writ_core::{Json, Tenant};
use writ_store::{Store, StoreConfig, StoredDecision};
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::server::Writ;

const EVALUATION: &str = "/access/v1/evaluation";

const CONFIG: &str = r#"
[store]
directory = "data"

[[binding]]
name = "redact"
source = "redact.wasm"
settings = { redactions = [{ name = "token", path = "/token" }] }

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["send", "pay", "trap"], deny = ["drop"] }

[[binding]]
name = "eyes"
source = "four-eyes.wasm"
match = { action = "pay" }
settings = { requirement = { stages = [{ approvers = ["group:finance", "user:ann"], quorum = 2 }] } }

[[binding]]
name = "trap"
source = "trap.wasm"
match = { action = "trap" }

[[binding]]
name = "shadow"
source = "tool-list.wasm"
mode = "shadow"
settings = { deny = ["*"] }
"#;

fn server() -> Writ {
    let policies = [
        ("redact.wasm", "redact"),
        ("tool-list.wasm", "tool-list"),
        ("four-eyes.wasm", "four-eyes"),
        ("trap.wasm", "hostile/panic"),
    ];
    let place: Vec<_> = policies.iter().map(|(file, name)| (*file, guests::bytes(name))).collect();
    Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &place)
}

fn question(action: &str, properties: Value) -> Value {
    json!({
        "subject": {"type": "agent", "id": "a1"},
        "action": {"name": action, "properties": properties},
        "resource": {"type": "mailbox", "id": "m1"},
        "context": {"b": 1, "a": [true]},
    })
}

fn ask(client: &mut Client, action: &str, properties: Value) -> Value {
    let reply = client.post(EVALUATION, &question(action, properties).to_string());
    let reply = reply.expect("the server answers");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The name and the verdict of each policy.
fn verdicts(answer: &Value) -> Vec<(String, String)> {
    let policies = answer["context"]["policies"].as_array().expect("an array");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    policies.iter().map(|policy| (text(&policy["binding"]), text(&policy["verdict"]))).collect()
}

fn named(verdicts: &[(&str, &str)]) -> Vec<(String, String)> {
    verdicts.iter().map(|(name, verdict)| (name.to_string(), verdict.to_string())).collect()
}

#[test]
fn an_amended_action_is_answered_in_place_of_the_one_asked_for() {
    let server = server();
    let mut client = server.client();
    let answer = ask(&mut client, "send", json!({"token": "s3cret", "to": "ann"}));
    assert_eq!(answer["decision"], true);
    assert_eq!(answer["context"]["code"], "amended");
    let amended = json!({"name": "send", "properties": {"to": "ann", "token": "[redacted]"}});
    assert_eq!(answer["context"]["action"], amended);
    assert!(!answer.to_string().contains("s3cret"), "{answer}");
    // What does not count is asked on the side.
    assert_eq!(verdicts(&answer), named(&[("redact", "amend"), ("tools", "allow")]));

    let untouched = ask(&mut client, "send", json!({"to": "ann"}));
    assert_eq!(untouched["context"]["code"], "allowed");
    assert!(untouched["context"].get("action").is_none(), "{untouched}");
    // To amend is not to allow.
    let unknown = ask(&mut client, "purge", json!({"token": "s3cret"}));
    assert_eq!(unknown["decision"], false);
    assert_eq!(unknown["context"]["code"], "all-abstained");
    assert_eq!(unknown["context"]["policies"][0]["verdict"], "amend");
    // What is denied is not answered with an action that could be taken.
    let denied = ask(&mut client, "drop", json!({"token": "s3cret"}));
    assert_eq!(denied["decision"], false);
    assert!(denied["context"].get("action").is_none(), "{denied}");
}

#[test]
fn a_requirement_is_a_denial_that_says_what_is_required() {
    let server = server();
    let answer = ask(&mut server.client(), "pay", json!({"token": "s3cret"}));
    assert_eq!(answer["decision"], false);
    assert_eq!(answer["context"]["code"], "approval-required");
    let requirement = &answer["context"]["requirements"][0];
    assert_eq!(requirement["binding"], "eyes");
    assert_eq!(requirement["allow_self_approval"], false);
    let stage = json!({
        "approvers": ["group:finance", "user:ann"],
        "quorum": 2,
        "expires_after_seconds": 86_400,
        "on_expiry": "deny",
    });
    assert_eq!(requirement["stages"], json!([stage]));
    let reason = answer["context"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("approval is required: "), "{reason}");
}

#[test]
fn a_fault_denies_and_tells_its_code_but_no_detail() {
    let server = server();
    let answer = ask(&mut server.client(), "trap", json!({}));
    assert_eq!(answer["decision"], false);
    assert_eq!(answer["context"]["code"], "denied-by-fault");
    assert_eq!(answer["context"]["reason"], "policy `trap` gave no verdict: trap");
    let policy = &answer["context"]["policies"][2];
    assert_eq!((&policy["verdict"], &policy["fault"]), (&json!("fault"), &json!("trap")));
    assert!(!answer.to_string().contains("wasm"), "{answer}");
}

#[test]
fn a_decision_is_stored_under_its_id_with_whom_and_what_and_who_decided() {
    let mut server = server();
    let mut client = server.client();
    let asked = question("send", json!({"token": "s3cret"}));
    let body = asked.to_string();
    let head = format!(
        "{}Content-Type: application/json\r\nContent-Length: {}\r\nX-Request-ID: r-1\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
        client.head("POST", EVALUATION),
        body.len(),
    );
    let answer = client.send(&head, body.as_bytes()).unwrap().json();
    let id = answer["context"]["decision_id"].as_str().unwrap();
    server.kill();
    let stored = stored(&server, id);
    assert_eq!(stored.request_id.as_deref(), Some("r-1"));
    assert_eq!(stored.trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(stored.outcome, "amended");
    assert_eq!(stored.subject, ("agent".into(), "a1".into()));
    assert_eq!(stored.action, "send");
    assert_eq!(stored.resource, ("mailbox".into(), "m1".into()));
    assert_eq!(stored.policy_set.to_string(), answer["context"]["policy_set"]);
    // The digest is that of the question as it was asked, whatever came of it.
    let canonical = with_properties(asked);
    assert_eq!(stored.request_digest, writ_core::Digest::of(canonical.as_str()));
    let verdicts: Vec<_> = stored.policies.iter().map(|policy| policy.verdict.as_str()).collect();
    assert_eq!(verdicts, ["amend", "allow"]);
}

/// The canonical text of a question: parts that were left out are there, and empty.
fn with_properties(mut question: Value) -> Json {
    for part in ["subject", "resource"] {
        question[part]["properties"] = json!({});
    }
    Json::from_value(&question).unwrap()
}

fn stored(server: &Writ, id: &str) -> StoredDecision {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(StoreConfig::new(server.directory().join("data"))).await.unwrap();
        let stored = store.decision(&Tenant::default(), id).await.unwrap();
        store.close().await.unwrap();
        stored.expect("the decision is stored")
    })
}
