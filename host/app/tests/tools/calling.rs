//! Calling tools over HTTP: what is checked, who carries it out, and how it ends.

use serde_json::json;
use writ_testkit::guests;

use crate::world::{World, path, payout, problem, question};

#[test]
fn who_holds_on_is_answered_with_the_end() {
    let world = World::new(5_000);
    let mut client = world.client(&world.agent);
    let held = std::thread::spawn(move || {
        let body = question("payout", &payout()).to_string();
        client.post_with("/v1/executions", &[("Prefer", "wait=50")], &body).unwrap()
    });
    let asked = world.until_listed();
    world.answer(&asked, 0, "approve");
    world.answer(&asked, 1, "approve");
    let answer = held.join().unwrap();
    assert_eq!((answer.status, answer.json()["status"].clone()), (201, json!("succeeded")));
    let tool = &answer.json()["tool"];
    let digest = writ_core::Digest::of(guests::bytes("tool-payout")).to_string();
    assert_eq!(tool, &json!({"name": "payout", "digest": digest}));
}

#[test]
fn a_tools_own_error_is_what_the_caller_reads() {
    let world = World::new(0);
    let asked = world.ask("payout", &payout());
    assert!(asked["status"] == "allowed" || asked["status"] == "running", "{asked}");
    world.answer(&asked, 0, "reject");
    let failed = world.until_status(&asked, "failed");
    assert_eq!(failed["error"], "payout 1 is not released: somebody said no");
    assert_eq!(failed["approvals"][0]["state"], "rejected");
}

#[test]
fn arguments_are_checked_before_any_policy_sees_them() {
    let world = World::new(0);
    let wrong = json!({"payee": "", "cents": "500"});
    let reply = world.post(&world.agent, "/v1/executions", &question("payout", &wrong));
    assert_eq!(problem(&reply), (422, "arguments-invalid".into()), "{}", reply.text());
    let mut places: Vec<_> = reply.json()["errors"].as_array().unwrap().clone();
    places.sort_by_key(|place| place["pointer"].to_string());
    let pointers: Vec<_> = places.iter().map(|place| place["pointer"].clone()).collect();
    assert_eq!(pointers, ["/action/properties/cents", "/action/properties/payee"]);
    let listed = world.client(&world.agent).get("/v1/executions").unwrap();
    assert_eq!(listed.json()["items"], json!([]));
    let reply = world.post(&world.agent, "/v1/executions", &question("pay-out", &payout()));
    assert_eq!(problem(&reply), (422, "no-such-tool".into()));
    let mut misspelt = question("payout", &payout());
    misspelt["tol"] = misspelt["tool"].take();
    misspelt.as_object_mut().unwrap().remove("tool");
    let reply = world.post(&world.agent, "/v1/executions", &misspelt);
    assert_eq!(problem(&reply), (400, "invalid-request".into()), "{}", reply.text());
}

#[test]
fn a_tool_runs_under_its_own_name_and_no_other() {
    let world = World::new(0);
    let mut other = question("payout", &payout());
    other["action"]["name"] = json!("search_web");
    let reply = world.post(&world.agent, "/v1/executions", &other);
    assert_eq!(problem(&reply), (400, "invalid-request".into()), "{}", reply.text());
    let listed = world.client(&world.agent).get("/v1/executions").unwrap();
    assert_eq!(listed.json()["items"], json!([]));
}

#[test]
fn what_policies_deny_is_not_carried_out() {
    let world = World::new(0);
    let asked = world.ask("payout", &json!({"payee": "acme", "cents": 2_000_000}));
    assert_eq!(asked["status"], "denied");
}

#[test]
fn nobody_else_claims_what_the_host_carries_out() {
    let world = World::new(0);
    let asked = world.ask("payout", &payout());
    let claim = json!({"digest": asked["digest"]});
    let reply = world.post(&world.agent, &path(&asked, "/claim"), &claim);
    assert_eq!(problem(&reply), (409, "not-now".into()), "{}", reply.text());
    world.until_status(&asked, "suspended");
    let reply = world.post(&world.agent, &path(&asked, "/claim"), &claim);
    assert_eq!(problem(&reply), (409, "not-now".into()), "{}", reply.text());
    let reply = world.post(&world.agent, &path(&asked, "/cancel"), &json!({}));
    assert_eq!(reply.json()["status"], "cancelled");
    assert_eq!(reply.json()["approvals"][0]["state"], "cancelled");
}
