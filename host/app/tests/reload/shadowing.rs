//! A version that is asked on the side: it is compared, and never answers.

use serde_json::{Value, json};
use writ_testkit::guests;

use super::rollouts::{budget, failing};
use super::world::{World, allowing};

/// Waits until so many decisions were compared.
fn compared(world: &World, version: u64, decisions: u64) -> Value {
    world.until("decisions were compared", |world| {
        world.report(version)["decisions"].as_u64() >= Some(decisions)
    });
    world.report(version)
}

#[test]
fn what_a_version_would_change_is_counted_and_shown_and_changes_nothing() {
    let world =
        World::with_versions(&allowing("\"one\", \"both\""), &allowing("\"two\", \"both\""));
    let body = json!({"comment": "before it decides"});
    let rollout = world.roll_out(2, "shadow", &body);
    assert_eq!((&rollout["version"], &rollout["how"]), (&json!(2), &json!("shadow")));
    let before = world.decide("both").1;
    for action in ["one", "two", "both", "neither"] {
        assert_eq!(world.decide(action), (["one", "both"].contains(&action), before.clone()));
    }
    let report = compared(&world, 2, 5);
    let changes = &report["changes"];
    let counted = ["same", "new-denial", "new-allow", "new-fault"].map(|name| &changes[name]);
    assert_eq!(counted, [&json!(3), &json!(1), &json!(1), &json!(0)], "{report:#}");
    let examples = report["examples"].as_array().unwrap();
    let denial = examples.iter().find(|example| example["change"] == "new-denial").unwrap();
    assert_eq!((&denial["action"], &denial["subject"][1]), (&json!("one"), &json!("a1")));
    assert_eq!((&denial["then"]["outcome"], &report["dropped"]), (&json!("allowed"), &json!(0)));
    assert_eq!(world.metric("writ_shadow_decisions_total{of=\"version\",result=\"same\"}"), 3);
    assert_eq!(world.metric("writ_rollout_version{how=\"shadow\"}"), 2);
    // What it says is counted nowhere else.
    assert_eq!(world.metric("writ_decisions_total{outcome=\"allowed\"}"), 3);

    let (code, text) = world.writ(&["policy", "shadow", "--report"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("new-denial") && text.contains("agent/a1 one tool/t1"), "{text}");
    let (code, text) = world.writ(&["policy", "shadow", "--stop"]);
    assert_eq!((code, text.as_str()), (Some(0), "Version 2 is asked no more.\n"));
    let ended = &world.status()["rollout"]["ended"];
    assert_eq!((&ended["because"], &ended["by"]), (&json!("stopped"), &json!("operator")));
    assert_eq!(world.client().get("/v1/policy-sets/2/shadow").unwrap().status, 404);
    let started = world.events("policy-rollout.started", 1);
    assert_eq!((&started[0]["comment"], &started[0]["share"]), (&body["comment"], &json!("100%")));
    assert_eq!(world.events("policy-rollout.ended", 1)[0]["because"], "stopped");
    assert_eq!(world.metric("writ_rollouts_ended_total{because=\"stopped\"}"), 1);
}

#[test]
fn a_version_sees_storage_as_the_decision_did_and_stores_nothing() {
    let world = World::with_versions(&budget(200), &budget(100));
    world.roll_out(2, "shadow", &json!({}));
    // 60 each: three are within 200, and one within 100.
    let allowed = [0; 4].map(|_| world.ask("a", "pay", &[])["decision"] == true);
    assert_eq!(allowed, [true, true, true, false]);
    let report = compared(&world, 2, 4);
    assert_eq!(report["changes"]["new-denial"], 2, "{report:#}");
    assert_eq!(report["changes"]["same"], 1, "{report:#}");
    // Both deny the last, with other words.
    assert_eq!(report["changes"]["other-reason"], 1, "{report:#}");
}

#[test]
fn what_a_version_stores_that_no_binding_decides_by_counts_for_it_alone() {
    let both = format!("{}\n{}", allowing("\"pay\""), budget(100));
    let world = World::with_versions(&allowing("\"pay\""), &both);
    world.roll_out(2, "shadow", &json!({}));
    // 60 each: the second and third would be too much.
    (0..3).for_each(|_| assert_eq!(world.ask("a", "pay", &[])["decision"], true));
    let report = compared(&world, 2, 3);
    assert_eq!(report["changes"]["new-denial"], 2, "{report:#}");
    assert_eq!((&report["changes"]["same"], &report["forgotten"]), (&json!(1), &json!(0)));
}

#[test]
fn a_version_that_is_the_same_but_for_its_name_changes_nothing() {
    let same = format!(
        "{}\n[[binding]]\nname = \"idle\"\nsource = \"builtin:rules\"\nlimits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\nsettings = {{ rules = [{{ name = \"none\", when = {{ path = \"/action/name\", eq = \"none\" }}, effect = \"allow\" }}] }}\n",
        budget(100)
    );
    let world = World::with_versions(&budget(100), &same);
    world.roll_out(2, "shadow", &json!({}));
    (0..8).for_each(|number| drop(world.ask(&format!("s{}", number % 3), "pay", &[])));
    let report = compared(&world, 2, 8);
    assert_eq!(report["changes"]["same"], 8, "{report:#}");
}

#[test]
fn a_version_that_fails_harms_nobody() {
    let world =
        World::start(&allowing("\"read\""), &[("panic.wasm", guests::bytes("hostile/panic"))]);
    world.write("writ.toml", failing());
    assert_eq!(world.reload().status, 200);
    assert_eq!(world.client().post("/v1/policies/rollback", "{}").unwrap().status, 200);
    world.roll_out(2, "shadow", &json!({}));
    assert!((0..3).all(|_| world.allows("read")));
    let report = compared(&world, 2, 3);
    assert_eq!(report["changes"]["new-fault"], 3, "{report:#}");
    assert_eq!(report["examples"][0]["now"]["outcome"], "denied-by-fault");
    assert_eq!(world.metric("writ_faults_total{code=\"trap\"}"), 0);
}

#[test]
fn a_share_is_asked_about_and_a_restart_does_not_end_it() {
    let mut world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    world.roll_out(2, "shadow", &json!({"share_percent": 50}));
    world.server.kill();
    world.server.restart();
    assert_eq!(world.status()["rollout"]["share_percent"], 50.0);
    (0..40).for_each(|number| drop(world.ask(&format!("s{number}"), "one", &[])));
    world.until("some were compared", |world| world.report(2)["decisions"].as_u64() > Some(5));
    assert!(world.report(2)["decisions"].as_u64() < Some(35));
}

#[test]
fn what_cannot_be_rolled_out_is_refused() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    for (path, body, status) in [
        ("/v1/policy-sets/9/shadow", "{}", 404),
        ("/v1/policy-sets/1/shadow", "{}", 409),
        ("/v1/policy-sets/2/shadow", r#"{"share_percent": 0}"#, 400),
        ("/v1/policy-sets/2/shadow", r#"{"share_percent": 1.234}"#, 400),
        ("/v1/policy-sets/2/canary", r#"{"guard": {"min_decisions": 0}}"#, 400),
        ("/v1/policy-sets/2/canary", r#"{"by": "moon"}"#, 400),
    ] {
        let reply = world.client().post(path, body).unwrap();
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
    }
    assert_eq!(world.client().delete("/v1/policy-sets/2/shadow").unwrap().status, 409);
    assert_eq!(world.status().get("rollout"), None);
}
