//! What holds on every route: who may call, how errors look, what is described, counted and healthy.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::Client;
use writ_testkit::server::Writ;

const CONFIG: &str = r#"
[server]
allowed-hosts = ["writ.example"]
allowed-origins = ["https://console.example"]

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["read"], deny = ["drop"] }
"#;

const ROUTES: [(&str, &str); 12] = [
    ("POST", "/access/v1/evaluation"),
    ("POST", "/access/v1/evaluations"),
    ("GET", "/.well-known/authzen-configuration"),
    ("GET", "/openapi.json"),
    ("GET", "/health"),
    ("GET", "/health/startup"),
    ("GET", "/health/ready"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/{id}"),
];

fn server() -> Writ {
    let policy = ("tool-list.wasm", guests::bytes("tool-list"));
    Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &[policy])
}

fn ask(client: &mut Client, action: &str) -> Value {
    let question = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": action},
        "resource": {"type": "record", "id": "1"},
    });
    client.post("/access/v1/evaluation", &question.to_string()).unwrap().json()
}

#[test]
fn no_route_answers_to_another_name_or_origin() {
    let server = server();
    let send = |head: &str| {
        let reply = server.client().send(head, b"").unwrap();
        (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let nothing = [("GET", "/nothing")];
    for (method, path) in ROUTES.into_iter().chain(nothing) {
        let named = |host: &str| format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        let refused = (421, "host-not-allowed".to_owned());
        assert_eq!(send(&named("evil.example")), refused, "{path}");
        assert_eq!(send(&named("localhost.evil.example")), refused, "{path}");
        let from = |origin: &str| format!("{}Origin: {origin}\r\n", named("localhost"));
        let refused = (403, "origin-not-allowed".to_owned());
        assert_eq!(send(&from("https://evil.example")), refused, "{path}");
        assert_eq!(send(&from("null")), refused, "{path}");
    }
    for (host, origin) in [
        ("writ.example", "https://writ.example"),
        ("localhost", "http://localhost"),
        ("[::1]:99", "https://console.example"),
    ] {
        let head = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n");
        assert_eq!(send(&head).0, 200, "{host} {origin}");
    }
}

#[test]
fn a_header_that_is_there_twice_or_too_long_is_refused() {
    let server = server();
    let send = |more: &str| {
        let mut client = server.client();
        let head = client.head("GET", "/health");
        client.send(&format!("{head}{more}"), b"").unwrap()
    };
    let longest = "x".repeat(256);
    let reply = send(&format!("X-Request-ID: {longest}\r\n"));
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some(longest.as_str())));
    for more in [
        "Host: localhost\r\n".to_owned(),
        "Origin: http://localhost\r\n".repeat(2),
        "X-Request-ID: a\r\nX-Request-ID: b\r\n".to_owned(),
        format!("X-Request-ID: x{longest}\r\n"),
    ] {
        let reply = send(&more);
        let problem = reply.json();
        assert_eq!((reply.status, &problem["code"]), (400, &json!("header-invalid")), "{more}");
        assert!(problem["hint"].is_string(), "{problem}");
        assert_eq!(reply.header("x-request-id"), None);
    }
}

#[test]
fn another_path_or_method_is_a_problem() {
    let server = server();
    let mut client = server.client();
    let nothing = client.get("/nothing").unwrap();
    assert_eq!((nothing.status, nothing.json()["code"].as_str()), (404, Some("not-found")));
    for (method, path) in ROUTES {
        let other = "PUT";
        let head = client.head(other, path);
        let reply = client.send(&head, b"").unwrap();
        assert_eq!(reply.status, 405, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
        assert!(reply.header("allow").is_some_and(|allow| allow.contains(method)), "{path}");
    }
}

#[test]
fn the_description_is_what_was_agreed_and_names_every_route() {
    let server = server();
    let reply = server.client().get("/openapi.json").unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let description = reply.json();
    assert_eq!(description["openapi"], "3.1.0");
    for (method, path) in ROUTES {
        let operation = &description["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{path}");
        for status in ["400", "403", "421"] {
            assert!(operation["responses"][status].is_object(), "{path} {status}");
        }
    }
    assert_eq!(description["servers"][0]["url"], "/");
    insta::assert_json_snapshot!("openapi", description);
}

#[test]
fn a_host_that_serves_is_healthy_started_and_ready() {
    let server = server();
    let mut client = server.client();
    for path in ["/health", "/health/startup", "/health/ready", "/ready"] {
        let reply = client.get(path).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.json()["status"], "pass", "{path}");
    }
    let checks = client.get("/ready").unwrap().json()["checks"].clone();
    let names: Vec<_> = checks.as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    assert_eq!(names, ["server", "policies", "store"]);
}

#[test]
fn a_page_begins_where_one_ended_or_nowhere() {
    let server = server();
    let mut client = server.client();
    for path in ["/v1/executions", "/v1/approvals", "/v1/decisions", "/v1/dead-letters"] {
        for (cursor, status) in [("0199c9d0-0000-7000-8000-000000000000", 200), ("nowhere", 400)] {
            let reply = client.get(&format!("{path}?cursor={cursor}")).unwrap();
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
        }
    }
}

#[test]
fn the_metrics_page_counts_what_happened() {
    let server = server();
    let mut client = server.client();
    for action in ["read", "read", "drop", "other"] {
        ask(&mut client, action);
    }
    let reply = client.get("/metrics").unwrap();
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = reply.text();
    let value = |series: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap_or_else(|| panic!("no `{series}` in\n{page}")).trim().parse::<f64>().unwrap()
    };
    assert_eq!(value(r#"writ_decisions_total{outcome="allowed"}"#), 2.0);
    assert_eq!(value(r#"writ_decisions_total{outcome="denied-by-policy"}"#), 1.0);
    assert_eq!(value(r#"writ_decisions_total{outcome="all-abstained"}"#), 1.0);
    let executions =
        r#"governance_executions_total{function_name="drop",status="denied-by-policy"}"#;
    assert_eq!(value(executions), 1.0);
    let violations = r#"policy_violations_total{function_name="drop",policy_type="tool-list"}"#;
    assert_eq!(value(violations), 1.0);
    assert_eq!(value(r#"writ_verdicts_total{binding="tools",verdict="allow"}"#), 2.0);
    assert_eq!(value(r#"writ_evaluations_memoised_total{binding="tools"}"#), 1.0);
    assert_eq!(value(r#"writ_breaker_state{binding="tools"}"#), 0.0);
    assert_eq!(value("writ_memo_hits_total"), 1.0);
    assert_eq!(value("writ_store_decisions_total"), 4.0);
    assert_eq!(value("writ_evaluation_duration_seconds_count{binding=\"tools\"}"), 4.0);
    assert_eq!(value(r#"writ_http_requests_total{route="evaluation",status="success"}"#), 4.0);
    check_page(page);
}

/// The rules of `promtool check metrics`, and ours on names.
fn check_page(page: &str) {
    let mut types = BTreeMap::new();
    let mut helped = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(help.ends_with('.') && helped.insert(name), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(types.insert(name, kind).is_none(), "twice: {line}");
        } else {
            let end = line.find(['{', ' ']).expect("a sample");
            let name = &line[..end];
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|f| types.contains_key(f)))
                .unwrap_or(name);
            assert!(types.contains_key(family), "no type: {line}");
        }
    }
    for (name, kind) in types {
        assert!(helped.contains(name), "no help: {name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        for unit in ["_ms", "_us", "_milliseconds", "_kib", "_kilobytes", "_percent", "_minutes"] {
            assert!(!name.trim_end_matches("_total").ends_with(unit), "not a base unit: {name}");
        }
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(name.bytes().all(lower), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_batch_takes_memory_for_the_items_that_are_decided_side_by_side() {
    let server = server();
    let peak_mib = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() >> 10
    };
    let batch = |filler: usize| {
        let item = json!({"action": {"name": "read"}});
        let body = json!({
            "subject": {"type": "user", "id": "alice"},
            "resource": {"type": "record", "id": "1"},
            "context": {"filler": "x".repeat(filler)},
            "evaluations": vec![item; 256],
        });
        let reply = server.client().post("/access/v1/evaluations", &body.to_string()).unwrap();
        let evaluations = reply.json()["evaluations"].as_array().unwrap().clone();
        assert_eq!(evaluations.len(), 256);
        evaluations.into_iter().next_back().unwrap()
    };
    assert_eq!(batch(1)["decision"], true);
    let before = peak_mib();
    let last = batch(1_000_000);
    assert_eq!(last["context"]["policies"][0]["fault"], "argument-too-large", "{last:#}");
    let grown = peak_mib() - before;
    assert!(grown <= 128, "256 items that have a megabyte in common took {grown} MiB");
}
