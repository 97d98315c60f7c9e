//! Every route, asked by everybody: nobody in particular, who was somebody once, and each role.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};
use writ::http::access::Access;
use writ_core::key::KEY_ID_LENGTH;
use writ_core::{Digest, Key, KeyId, Principal, Role, Tenant};
use writ_store::{Store, StoreConfig};
use writ_testkit::guests;
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;

use Role::{Agent, Approver, Auditor, Operator};

const LINK: Access = Access::Shown("the link that a letter holds");

const SIGNED: Access = Access::Shown("the signature of Slack's app");

/// Who may use what, written once more by hand: a route that is added, or opened to others, is
/// seen here.
const WHO_MAY: &[(&str, &str, Access)] = &[
    ("POST", "/access/v1/evaluation", Access::Roles(&[Agent, Operator])),
    ("POST", "/access/v1/evaluations", Access::Roles(&[Agent, Operator])),
    ("POST", "/access/v1/requests", Access::Roles(&[Agent, Operator])),
    ("GET", "/access/v1/requests/{id}", Access::Roles(&[Agent, Approver, Operator, Auditor])),
    ("POST", "/access/v1/requests/{id}/cancel", Access::Roles(&[Agent, Operator])),
    ("GET", "/access/v1/jwks", Access::Public),
    ("GET", "/.well-known/authzen-configuration", Access::Public),
    ("GET", "/openapi.json", Access::Public),
    ("GET", "/health", Access::Public),
    ("GET", "/health/startup", Access::Public),
    ("GET", "/health/ready", Access::Public),
    ("GET", "/ready", Access::Public),
    ("GET", "/metrics", Access::Roles(&[Operator, Auditor])),
    ("POST", "/v1/executions", Access::Roles(&[Agent, Operator])),
    ("GET", "/v1/executions", Access::Roles(&[Agent, Operator, Auditor])),
    ("GET", "/v1/executions/{id}", Access::Roles(&[Agent, Approver, Operator, Auditor])),
    ("GET", "/v1/executions/{id}/events", Access::Roles(&[Agent, Approver, Operator, Auditor])),
    ("POST", "/v1/executions/{id}/claim", Access::Roles(&[Agent, Operator])),
    ("POST", "/v1/executions/{id}/report", Access::Roles(&[Agent, Operator])),
    ("POST", "/v1/executions/{id}/cancel", Access::Roles(&[Agent, Operator])),
    ("POST", "/v1/executions/{id}/resolve", Access::Roles(&[Operator])),
    ("POST", "/v1/executions/{id}/retry", Access::Roles(&[Agent, Operator])),
    ("GET", "/v1/approvals", Access::Roles(&[Approver, Operator, Auditor])),
    ("GET", "/v1/approvals/{id}", Access::Roles(&[Approver, Operator, Auditor])),
    ("POST", "/v1/approvals/{id}/decision", Access::Roles(&[Approver])),
    ("GET", "/answer/{token}", LINK),
    ("POST", "/answer/{token}", LINK),
    ("GET", "/v1/events", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/events/verification", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/channels", Access::Roles(&[Operator, Auditor])),
    ("DELETE", "/v1/channels/{name}", Access::Roles(&[Operator])),
    ("POST", "/v1/channels/{name}/slack", SIGNED),
    ("GET", "/v1/dead-letters", Access::Roles(&[Operator])),
    ("POST", "/v1/dead-letters/{id}/redeliver", Access::Roles(&[Operator])),
    ("POST", "/v1/policies", Access::Roles(&[Operator])),
    ("GET", "/v1/policies", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/policies/{digest}", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/policies/status", Access::Roles(&[Operator, Auditor])),
    ("POST", "/v1/policies/reload", Access::Roles(&[Operator])),
    ("POST", "/v1/policies/rollback", Access::Roles(&[Operator])),
    ("POST", "/v1/policy-sets", Access::Roles(&[Operator])),
    ("GET", "/v1/policy-sets", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/policy-sets/{id}", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/policy-sets/{id}/diff/{other}", Access::Roles(&[Operator, Auditor])),
    ("POST", "/v1/policy-sets/{id}/activate", Access::Roles(&[Operator])),
    ("POST", "/v1/policy-sets/{id}/backtest", Access::Roles(&[Operator])),
    ("GET", "/v1/decisions", Access::Roles(&[Operator, Auditor])),
    ("GET", "/v1/decisions/{id}/receipt", Access::Roles(&[Operator, Auditor])),
    ("POST", "/v1/policy-sets/{id}/shadow", Access::Roles(&[Operator])),
    ("GET", "/v1/policy-sets/{id}/shadow", Access::Roles(&[Operator, Auditor])),
    ("DELETE", "/v1/policy-sets/{id}/shadow", Access::Roles(&[Operator])),
    ("POST", "/v1/policy-sets/{id}/canary", Access::Roles(&[Operator])),
    ("POST", "/v1/policy-sets/{id}/canary/promote", Access::Roles(&[Operator])),
    ("DELETE", "/v1/policy-sets/{id}/canary", Access::Roles(&[Operator])),
    ("GET", "/v1/keys", Access::Roles(&[Operator])),
    ("POST", "/v1/keys", Access::Roles(&[Operator])),
    ("DELETE", "/v1/keys/{id}", Access::Roles(&[Operator])),
    ("POST", "/v1/signing-keys", Access::Roles(&[Operator])),
    ("POST", "/v1/data-rotation", Access::Roles(&[Operator])),
];

const CONFIG: &str = r#"
[store]
directory = "data"

[[binding]]
name = "tools"
source = "tool-list.wasm"
settings = { allow = ["read"] }
"#;

fn server() -> Writ {
    let policy = ("tool-list.wasm", guests::bytes("tool-list"));
    Writ::start(env!("CARGO_BIN_EXE_writ"), CONFIG, &[policy])
}

/// Makes a key; its text.
fn make(server: &Writ, body: &Value) -> String {
    let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json()["key"].as_str().unwrap().to_owned()
}

fn make_for(server: &Writ, role: Role) -> String {
    make(server, &json!({"name": format!("the {role}"), "roles": [role]}))
}

fn id_of(key: &str) -> &str {
    &key[5..5 + KEY_ID_LENGTH]
}

/// A key whose time was over before the server ever saw it.
fn expired(server: &mut Writ) -> String {
    server.kill();
    let (id, secret) = (KeyId::of_random([7; KEY_ID_LENGTH]), "s".repeat(43));
    let principal = Principal {
        tenant: Tenant::default(),
        person: "who was here".parse().unwrap(),
        roles: Role::ALL.into(),
        groups: Default::default(),
    };
    let key = Key {
        id,
        principal: Arc::new(principal),
        secret: Digest::of(&secret),
        created_at_ms: 1,
        expires_at_ms: Some(2),
        revoked_at_ms: None,
    };
    let directory = server.directory().join("data");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(StoreConfig::new(directory)).await.unwrap();
        store.create_key(key).await.unwrap();
        store.close().await.unwrap();
    });
    server.restart();
    format!("writ_{id}_{secret}")
}

/// Asks a route in a way that it answers, if it answers at all.
fn ask(client: &mut Client, method: &str, path: &str) -> Reply {
    let question = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "1"},
    });
    let body = match path {
        "/v1/keys" => json!({"name": "another", "roles": ["auditor"]}),
        "/v1/data-rotation" => json!({}),
        _ if path.ends_with("/backtest") => json!({"since": "2020-01-01T00:00:00Z"}),
        "/v1/approvals/{id}/decision" => json!({"decision": "approve"}),
        _ if path.ends_with("/claim") => json!({"digest": Digest::of("nothing")}),
        _ if path.ends_with("/cancel") || path.ends_with("/retry") => json!({}),
        _ if path.starts_with("/v1/policies/") || path.starts_with("/v1/policy-sets/") => json!({}),
        _ if path.ends_with("/report") => json!({"permit": "none", "outcome": "succeeded"}),
        _ if path.ends_with("/resolve") => json!({"outcome": "succeeded"}),
        _ => question,
    };
    match method {
        // A stream would not end: so it is asked to begin where it cannot.
        "GET" if path == "/v1/events" => {
            let head = format!("{}Last-Event-ID: none\r\n", client.head("GET", path));
            client.send(&head, b"").unwrap()
        }
        "GET" => client.get(path).unwrap(),
        "POST" => client.post(path, &body.to_string()).unwrap(),
        "DELETE" => {
            client.delete(&path.replace("{id}", "aaaaaaaaaaaa").replace("{name}", "a")).unwrap()
        }
        _ => panic!("{method}"),
    }
}

#[test]
fn the_router_has_the_routes_of_the_table_and_no_others() {
    let routes = writ::http::routes();
    let routes: Vec<_> =
        routes.iter().map(|route| (route.method.as_str(), route.path, route.access)).collect();
    assert_eq!(routes, WHO_MAY);
}

#[test]
fn nobody_without_a_key_that_is_good_gets_in_nor_learns_why() {
    let mut server = server();
    let expired = expired(&mut server);
    let good = make_for(&server, Operator);
    let revoked = make_for(&server, Operator);
    let path = format!("/v1/keys/{}", id_of(&revoked));
    assert_eq!(server.client().delete(&path).unwrap().status, 204);
    let wrong_secret = format!("{}{}", &good[..18], &revoked[18..]);
    let stranger = format!("writ_zzzzzzzzzzzz_{}", &good[18..]);
    let half = &good[..40];
    let tokens =
        ["", "writ_", "nonsense", "a.b.c", &expired, &revoked, &wrong_secret, &stranger, half];
    for (method, path, access) in WHO_MAY {
        let mut refused = Vec::new();
        for token in tokens {
            let mut client = match token {
                "" => server.client().without_key(),
                token => server.client().with_key(token),
            };
            let reply = ask(&mut client, method, path);
            match access {
                Access::Shown(_) => {
                    // A key is no link, whoever has it.
                    let expected = if *access == LINK { 404 } else { 401 };
                    assert_eq!(reply.status, expected, "{path} {token}: {}", reply.text());
                    refused.push(reply.text().to_owned());
                }
                Access::Public => assert!(reply.status < 400, "{path}: {}", reply.text()),
                Access::Roles(_) => {
                    assert_eq!(reply.status, 401, "{path} {token}: {}", reply.text());
                    assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{path}");
                    refused.push(reply.text().to_owned());
                }
            }
        }
        refused.dedup();
        assert!(refused.len() <= 1, "{path} tells them apart: {refused:#?}");
    }
    // The good key is good: what was refused was not refused for something else.
    assert_eq!(server.client().with_key(&good).get("/v1/keys").unwrap().status, 200);
}

#[test]
fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let server = server();
    for role in Role::ALL {
        let key = make_for(&server, role);
        for (method, path, access) in WHO_MAY {
            let reply = ask(&mut server.client().with_key(&key), method, path);
            let roles = match access {
                Access::Roles(roles) => roles,
                Access::Public => {
                    assert!(reply.status < 400, "{path}: {}", reply.text());
                    continue;
                }
                Access::Shown(_) => {
                    let expected = if *access == LINK { 404 } else { 401 };
                    assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text());
                    continue;
                }
            };
            if roles.contains(&role) {
                let expected = match (*method, *path) {
                    // Nothing was denied.
                    (_, "/v1/events" | "/access/v1/requests") => 400,
                    // It is no component, and no set.
                    ("POST", "/v1/policies" | "/v1/policy-sets") => 400,
                    // Nothing is sealed.
                    (_, "/v1/data-rotation") => 400,
                    (_, path) if path.contains("{id}") || path.contains("{name}") => 404,
                    (_, path) if path.contains("{digest}") => 404,
                    // No version decided before.
                    (_, "/v1/policies/rollback") => 409,
                    ("POST", "/v1/keys" | "/v1/executions" | "/v1/signing-keys") => 201,
                    _ => 200,
                };
                assert_eq!(reply.status, expected, "{role} {path}: {}", reply.text());
                continue;
            }
            assert_eq!(reply.status, 403, "{role} {path}: {}", reply.text());
            let problem = reply.json();
            assert_eq!(problem["code"], "forbidden", "{role} {path}");
            for role in *roles {
                let hint = problem["hint"].as_str().unwrap();
                assert!(hint.contains(&format!("`{role}`")), "{path}: {hint}");
            }
        }
    }
}

#[test]
fn the_body_names_nobody() {
    let server = server();
    let agent = make_for(&server, Agent);
    let body = json!({
        "name": "mallory", "roles": ["operator"], "tenant": "default", "principal": "operator",
    });
    let mut client = server.client().with_key(&agent);
    assert_eq!(client.post("/v1/keys", &body.to_string()).unwrap().status, 403);
    let head = format!("{}X-Writ-Roles: operator\r\n", client.head("GET", "/v1/keys"));
    assert_eq!(client.send(&head, b"").unwrap().status, 403);
}

#[test]
fn a_key_is_listed_without_its_secret_and_ends_at_once_and_for_good() {
    let mut server = server();
    let body = json!({
        "name": "Ann", "roles": ["approver", "auditor"], "groups": ["finance"],
        "expires_in_seconds": 3600,
    });
    let key = make(&server, &body);
    let mut ann = server.client().with_key(&key);
    assert_eq!(ann.get("/metrics").unwrap().status, 200);

    let list = server.client().get("/v1/keys").unwrap();
    assert!(!list.text().contains(&key[18..]), "{}", list.text());
    let list = list.json();
    let listed = &list["items"][1];
    assert_eq!(list["items"][0]["name"], "operator");
    assert_eq!(listed["id"], id_of(&key));
    assert_eq!(listed["name"], "Ann");
    assert_eq!(listed["roles"], json!(["approver", "auditor"]));
    assert_eq!(listed["groups"], json!(["finance"]));
    assert_eq!(listed["status"], "valid");
    let times = ["created_at_ms", "expires_at_ms"].map(|name| listed[name].as_u64().unwrap());
    assert_eq!(times[1] - times[0], 3_600_000);

    let path = format!("/v1/keys/{}", id_of(&key));
    for _ in 0..2 {
        assert_eq!(server.client().delete(&path).unwrap().status, 204);
        assert_eq!(ann.get("/metrics").unwrap().status, 401);
    }
    server.kill();
    server.restart();
    assert_eq!(server.client().with_key(&key).get("/metrics").unwrap().status, 401);
    let listed = server.client().get("/v1/keys").unwrap().json()["items"][1].clone();
    assert_eq!(listed["status"], "revoked");
}

#[test]
fn a_key_that_cannot_be_is_refused_with_its_field() {
    let server = server();
    let check = |body: Value, pointer: &str, message: &str| {
        let reply = server.client().post("/v1/keys", &body.to_string()).unwrap();
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        let problem = reply.json();
        assert_eq!(problem["pointer"], pointer, "{body}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(message), "{body}: {detail}");
    };
    check(json!({"roles": ["agent"]}), "/name", "is required");
    check(json!({"name": " ", "roles": ["agent"]}), "/name", "names nobody");
    check(json!({"name": "a"}), "/roles", "is required");
    check(json!({"name": "a", "roles": []}), "/roles", "one role at least");
    check(json!({"name": "a", "roles": ["root"]}), "/roles/0", "unknown variant `root`");
    check(json!({"name": "a", "roles": ["agent"], "groups": [""]}), "/groups/0", "names nobody");
    let many: Vec<_> = (0..65).map(|number| format!("g{number}")).collect();
    check(json!({"name": "a", "roles": ["agent"], "groups": many}), "/groups", "64 groups");
    let lasts = |seconds| json!({"name": "a", "roles": ["agent"], "expires_in_seconds": seconds});
    check(lasts(0), "/expires_in_seconds", "1 to");
    check(lasts(400_000_000), "/expires_in_seconds", "1 to");
    check(json!({"name": "a", "roles": ["agent"], "role": "operator"}), "/role", "unknown field");
}
