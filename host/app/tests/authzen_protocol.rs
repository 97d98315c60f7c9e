//! AuthZEN 1.0 over real sockets, against a real server that decides by a tool list: `read` is
//! allowed, `drop` is denied, of everything else the policy has no opinion.
#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::{Value, json};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";

const CONFIG: &str = r#"
[server]
body-bytes-max = 65536

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["read"], deny = ["drop"] }
"#;

fn server() -> Writ {
    server_with(CONFIG)
}

fn server_with(config: &str) -> Writ {
    let policy = ("tool-list.wasm", guests::bytes("tool-list"));
    Writ::start(env!("CARGO_BIN_EXE_writ"), config, &[policy])
}

fn question(action: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": action},
        "resource": {"type": "record", "id": "record-1"},
    })
}

fn ask(client: &mut Client, path: &str, question: &Value) -> Reply {
    client.post(path, &question.to_string()).expect("the server answers")
}

fn check_problem(reply: &Reply, status: u16, code: &str, pointer: Option<&str>) {
    let body = reply.text();
    assert_eq!(reply.status, status, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{body}");
    let problem = reply.json();
    assert_eq!(problem["type"], format!("urn:writ:problem:{code}"), "{body}");
    assert_eq!(problem["status"], status, "{body}");
    assert_eq!(problem.get("pointer").and_then(Value::as_str), pointer, "{body}");
}

fn check_decision(reply: &Reply, decision: bool) -> Value {
    let body = reply.text();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{body}");
    assert_eq!(reply.json()["decision"], decision, "{body}");
    reply.json()
}

#[test]
fn one_question_is_permitted_or_denied() {
    let server = server();
    let mut client = server.client();
    let answer = check_decision(&ask(&mut client, EVALUATION, &question("read")), true);
    let context = &answer["context"];
    assert_eq!(context["code"], "allowed");
    assert_eq!(context["policies"][0]["binding"], "tools");
    assert_eq!(context["policies"][0]["verdict"], "allow");
    assert_eq!(context["policies"][0]["memoised"], false);
    assert!(context["policies"][0]["fuel"].as_u64() > Some(0), "{answer}");
    assert!(context["policy_set"].as_str().unwrap().starts_with("sha256:"), "{answer}");
    assert_eq!(context["decision_id"].as_str().unwrap().len(), 36);

    let again = check_decision(&ask(&mut client, EVALUATION, &question("read")), true);
    assert_eq!(again["context"]["policies"][0]["memoised"], true);
    assert_ne!(again["context"]["decision_id"], context["decision_id"]);

    let denied = check_decision(&ask(&mut client, EVALUATION, &question("drop")), false);
    assert_eq!(denied["context"]["code"], "denied-by-policy");
    assert!(denied["context"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));

    let unknown = check_decision(&ask(&mut client, EVALUATION, &question("other")), false);
    assert_eq!(unknown["context"]["code"], "all-abstained");
}

#[test]
fn what_is_not_known_is_ignored() {
    let server = server();
    let mut more = question("read");
    more["futureField"] = json!({"nested": [true]});
    more["subject"]["more"] = json!(1);
    more["subject"]["properties"] = json!({"department": "Sales"});
    more["context"] = json!({"time": "2025-06-27T18:03-07:00"});
    check_decision(&ask(&mut server.client(), EVALUATION, &more), true);
}

#[test]
fn a_field_that_cannot_be_used_is_named() {
    let server = server();
    let mut client = server.client();
    let without = |pointer: &str| {
        let mut question = question("read");
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        question.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        question
    };
    let with = |pointer: &str, value: Value| {
        let mut question = question("read");
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        question.pointer_mut(parent).unwrap()[field] = value;
        question
    };
    let required = [
        "/subject",
        "/action",
        "/resource",
        "/subject/type",
        "/subject/id",
        "/action/name",
        "/resource/type",
        "/resource/id",
    ];
    for pointer in required {
        for path in [EVALUATION, EVALUATIONS] {
            let refused = ask(&mut client, path, &without(pointer));
            check_problem(&refused, 400, "invalid-request", Some(pointer));
            for wrong in [json!(null), json!(7), json!([1]), json!(true)] {
                let refused = ask(&mut client, path, &with(pointer, wrong));
                assert_eq!(refused.status, 400, "{pointer}: {}", refused.text());
                check_problem(&refused, 400, "invalid-request", Some(pointer));
            }
        }
    }
    for pointer in ["/subject/id", "/subject/type", "/action/name", "/resource/id"] {
        let refused = ask(&mut client, EVALUATION, &with(pointer, json!("")));
        check_problem(&refused, 400, "invalid-request", Some(pointer));
    }
    let objects = ["/context", "/subject/properties", "/action/properties", "/resource/properties"];
    for pointer in objects {
        for wrong in [json!(null), json!("x"), json!([])] {
            let refused = ask(&mut client, EVALUATION, &with(pointer, wrong));
            check_problem(&refused, 400, "invalid-request", Some(pointer));
        }
    }
    // The connection is still good after all that.
    check_decision(&ask(&mut client, EVALUATION, &question("read")), true);
}

#[test]
fn what_is_no_json_is_refused() {
    let server = server();
    let mut client = server.client();
    for body in ["", "{", "subject=alice", "{\"subject\":", "{}{}"] {
        let refused = client.post(EVALUATION, body).unwrap();
        check_problem(&refused, 400, "malformed-json", None);
    }
    for body in ["null", "7", "\"x\""] {
        check_problem(&client.post(EVALUATION, body).unwrap(), 400, "invalid-request", Some(""));
    }
    let deep = question("read").to_string().replace(
        r#""name":"read""#,
        &format!(r#""name":"read","properties":{{"a":{}{}}}"#, "[".repeat(70), "]".repeat(70)),
    );
    let refused = client.post(EVALUATION, &deep).unwrap();
    check_problem(&refused, 400, "invalid-request", Some("/action/properties"));
    let rounded = r#"{"amount":9007199254740993}"#;
    let rounded = question("read")
        .to_string()
        .replace(r#""name":"read""#, &format!(r#""name":"read","properties":{rounded}"#));
    let refused = client.post(EVALUATION, &rounded).unwrap();
    check_problem(&refused, 400, "invalid-request", Some("/action/properties"));
    assert!(refused.text().contains("send it as a string"), "{}", refused.text());
}

#[test]
fn another_content_type_is_refused_as_the_certification_asks() {
    let server = server();
    let mut client = server.client();
    let body = question("read").to_string();
    let head = |lines: &str| {
        let length = body.len();
        format!("{}{lines}Content-Length: {length}\r\n", server.client().head("POST", EVALUATION))
    };
    for lines in
        ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"]
    {
        let refused = client.send(&head(lines), body.as_bytes()).unwrap();
        check_problem(&refused, 400, "content-type-unsupported", None);
    }
    let lines = "Content-Type: application/json; charset=utf-8\r\n";
    check_decision(&client.send(&head(lines), body.as_bytes()).unwrap(), true);
}

#[test]
fn the_request_id_is_echoed_whatever_the_answer() {
    let server = server();
    let mut client = server.client();
    let body = question("read").to_string();
    let mut send = |path: &str, id: &str, body: &str| {
        let head = format!(
            "{}Content-Type: application/json\r\nX-Request-ID: {id}\r\nContent-Length: {}\r\n",
            server.client().head("POST", path),
            body.len(),
        );
        client.send(&head, body.as_bytes()).unwrap()
    };
    assert_eq!(send(EVALUATION, "bfe9eb29", &body).header("x-request-id"), Some("bfe9eb29"));
    assert_eq!(send(EVALUATION, "a b, c", "{").header("x-request-id"), Some("a b, c"));
    assert_eq!(send("/nothing", "x", "{}").header("x-request-id"), Some("x"));
    let without = ask(&mut server.client(), EVALUATION, &question("read"));
    assert_eq!(without.header("x-request-id"), None);
    for none in ["", "grün"] {
        let refused = send(EVALUATION, none, &body);
        check_problem(&refused, 400, "header-invalid", None);
        assert_eq!(refused.header("x-request-id"), None);
    }
}

#[test]
fn several_questions_take_what_they_leave_out_from_the_top() {
    let server = server();
    let mut client = server.client();
    let several = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "1"},
        "context": {"a": 1},
        "evaluations": [
            {},
            {"action": {"name": "drop"}},
            {"resource": {"type": "record", "id": "2"}, "context": {}},
        ],
    });
    let reply = ask(&mut client, EVALUATIONS, &several);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(decisions(&reply), [true, false, true]);
    assert!(reply.json().get("decision").is_none());
    // A part that is given replaces the default as a whole: nothing is filled in.
    let incomplete = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "1"},
        "evaluations": [{"resource": {"id": "2"}}, {}],
    });
    let reply = ask(&mut client, EVALUATIONS, &incomplete);
    assert_eq!(decisions(&reply), [false, true]);
    let error = &reply.json()["evaluations"][0]["context"]["error"];
    assert_eq!(error["pointer"], "/evaluations/0/resource/type", "{error}");
    assert_eq!(error["status"], 400);
}

#[test]
fn what_is_wrong_with_one_question_denies_that_one() {
    let server = server();
    let several = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "read"},
        "options": {"evaluations_semantic": "execute_all", "another_option": "value"},
        "evaluations": [
            {"resource": {"type": "record", "id": "1"}},
            {},
            {"resource": null},
            7,
            {"resource": {"type": "record", "id": ""}},
            {"resource": {"type": "record", "id": "1"}},
        ],
    });
    let reply = ask(&mut server.client(), EVALUATIONS, &several);
    assert_eq!(decisions(&reply), [true, false, false, false, false, true]);
    let pointers: Vec<_> = reply.json()["evaluations"].as_array().unwrap()[1..5]
        .iter()
        .map(|item| item["context"]["error"]["pointer"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        pointers,
        [
            "/evaluations/1/resource",
            "/evaluations/2/resource",
            "/evaluations/3",
            "/evaluations/4/resource/id"
        ]
    );
}

#[test]
fn what_is_wrong_with_the_whole_is_a_problem() {
    let server = server();
    let mut client = server.client();
    let mut check = |field: &str, value: Value, pointer: &str| {
        let mut several = question("read");
        several["evaluations"] = json!([{}]);
        several[field] = value;
        let refused = ask(&mut client, EVALUATIONS, &several);
        check_problem(&refused, 400, "invalid-request", Some(pointer));
    };
    check("evaluations", json!(null), "/evaluations");
    check("evaluations", json!({}), "/evaluations");
    check("evaluations", json!(vec![json!({}); 257]), "/evaluations");
    check("subject", json!(null), "/subject");
    check("subject", json!({"type": "user"}), "/subject/id");
    check("context", json!([]), "/context");
    check("options", json!(null), "/options");
    check("options", json!({"evaluations_semantic": "all"}), "/options/evaluations_semantic");
    check("options", json!({"evaluations_semantic": null}), "/options/evaluations_semantic");
}

#[test]
fn without_several_questions_the_top_is_the_only_one() {
    let server = server();
    let mut client = server.client();
    check_decision(&ask(&mut client, EVALUATIONS, &question("read")), true);
    let mut empty = question("drop");
    empty["evaluations"] = json!([]);
    check_decision(&ask(&mut client, EVALUATIONS, &empty), false);
    let nothing = ask(&mut client, EVALUATIONS, &json!({"evaluations": []}));
    check_problem(&nothing, 400, "invalid-request", Some("/subject"));
}

#[test]
fn each_semantic_stops_where_it_says() {
    let server = server();
    let mut client = server.client();
    let mut check = |semantic: &str, actions: &[&str], expected: &[bool]| {
        let several = json!({
            "subject": {"type": "user", "id": "alice"},
            "resource": {"type": "record", "id": "1"},
            "options": {"evaluations_semantic": semantic},
            "evaluations": actions
                .iter()
                .map(|action| match *action {
                    "broken" => json!({"action": {}}),
                    action => json!({"action": {"name": action}}),
                })
                .collect::<Vec<_>>(),
        });
        let reply = ask(&mut client, EVALUATIONS, &several);
        assert_eq!(decisions(&reply), expected, "{semantic} {actions:?}");
    };
    check("execute_all", &["read", "drop", "read"], &[true, false, true]);
    check("deny_on_first_deny", &["read", "drop", "read"], &[true, false]);
    check("deny_on_first_deny", &["read", "broken", "read"], &[true, false]);
    check("deny_on_first_deny", &["read", "read"], &[true, true]);
    check("permit_on_first_permit", &["drop", "read", "drop"], &[false, true]);
    check("permit_on_first_permit", &["broken", "read", "read"], &[false, true]);
    check("permit_on_first_permit", &["drop", "drop"], &[false, false]);
}

#[test]
fn the_discovery_document_names_the_host_as_the_caller_does() {
    let server = server();
    let mut client = server.client();
    let base = format!("http://{}", server.address());
    let reply = client.get("/.well-known/authzen-configuration").unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(
        reply.json(),
        json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}{EVALUATION}"),
            "access_evaluations_endpoint": format!("{base}{EVALUATIONS}"),
            "access_request_endpoint": format!("{base}/access/v1/requests"),
            "jwks_uri": format!("{base}/access/v1/jwks"),
            "capabilities": ["urn:openid:authzen:capability:access-request"],
        })
    );
    let head = "GET /.well-known/authzen-configuration HTTP/1.1\r\nHost: localhost\r\n\
                X-Forwarded-Proto: https\r\n";
    let reply = client.send(head, b"").unwrap();
    assert_eq!(reply.json()["policy_decision_point"], "https://localhost");
}

#[test]
fn the_discovery_document_names_the_url_that_callers_elsewhere_know() {
    let known = "public-url = \"https://writ.example/gate/\"\nbody-bytes-max";
    let server = server_with(&CONFIG.replacen("body-bytes-max", known, 1));
    for host in ["writ.example", "localhost:1"] {
        let head = format!("GET /.well-known/authzen-configuration HTTP/1.1\r\nHost: {host}\r\n");
        let found = server.client().send(&head, b"").unwrap().json();
        assert_eq!(found["policy_decision_point"], "https://writ.example/gate");
        let asked = format!("https://writ.example/gate{EVALUATION}");
        assert_eq!(found["access_evaluation_endpoint"], asked);
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let server = server();
    let mut client = server.client();
    let large = format!("{{\"context\":{{\"a\":\"{}\"}}}}", "x".repeat(70_000));
    check_problem(&client.post(EVALUATION, &large).unwrap(), 413, "body-too-large", None);
    let mut client = server.client();
    let head = client.head("POST", EVALUATION);
    let head = format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let reply = client.send(&head, chunked.as_bytes()).unwrap();
    check_problem(&reply, 413, "body-too-large", None);
}

fn decisions(reply: &Reply) -> Vec<bool> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    let items = reply["evaluations"].as_array().expect("an array");
    items.iter().map(|item| item["decision"].as_bool().expect("a boolean")).collect()
}
