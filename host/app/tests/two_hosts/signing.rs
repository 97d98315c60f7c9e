//! Two servers sign denials with one key, and were given one first key of an operator.

use std::path::Path;

use serde_json::{Value, json};
use writ_testkit::postgres::TestDatabase;

use crate::hosts::{Hosts, question, start, text, writ};

const JWKS: &str = "/access/v1/jwks";

/// A denial of one server, put to people on the other.
#[track_caller]
fn submitted(hosts: &Hosts, denied: &Value, host: usize) {
    let mut body = question(500);
    body["denial"] = json!({
        "expires_at": denied["context"]["access_request"]["expires_at"],
        "binding_token": denied["context"]["access_request"]["binding_token"],
    });
    let reply = hosts.post(host, &hosts.agent, "/access/v1/requests", &body);
    assert_eq!(reply.status, 202, "{}", reply.text());
}

fn denied(hosts: &Hosts, host: usize) -> Value {
    hosts.post(host, &hosts.agent, "/access/v1/evaluation", &question(500)).json()
}

#[test]
fn a_denial_of_one_server_is_known_on_the_other_also_with_a_new_key() {
    let hosts = Hosts::new();
    let keys = |host: usize| hosts.get(host, &hosts.agent, JWKS).json()["keys"].clone();
    let first = keys(0);
    assert_eq!((first.as_array().unwrap().len(), &first), (1, &keys(1)));
    let old = denied(&hosts, 0);
    submitted(&hosts, &old, 1);

    let made = hosts.post(0, &hosts.operator, "/v1/signing-keys", &json!({}));
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(keys(0), json!([keys(0)[0], first[0]]));
    assert_eq!(text(&keys(0)[0]["kid"]), text(&made.json()["kid"]));
    // The other one learns of the key by what it has signed.
    submitted(&hosts, &denied(&hosts, 0), 1);
    assert_eq!(keys(1), keys(0));
    // What the old key has signed still counts.
    submitted(&hosts, &denied(&hosts, 1), 0);
}

#[test]
fn servers_that_start_at_once_on_an_empty_database_make_one_key_of_each_kind() {
    let database = TestDatabase::create();
    let here = Path::new(".");
    assert!(writ(here, &database, &["migrate"]).status.success());
    let servers = std::thread::scope(|scope| {
        let starting = [(); 3].map(|()| scope.spawn(|| start(&database)));
        starting.map(|server| server.join().unwrap())
    });
    let operators: Vec<_> = servers.iter().filter(|server| !server.key().is_empty()).collect();
    assert_eq!(operators.len(), 1, "one shows a first key");
    let listed = writ(here, &database, &["keys", "list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    let keys = servers.each_ref().map(|server| {
        let mut client = server.client().with_key(operators[0].key());
        assert_eq!(client.get("/v1/keys").unwrap().status, 200);
        client.get(JWKS).unwrap().json()
    });
    assert_eq!((&keys[0], &keys[1]), (&keys[1], &keys[2]));
}
