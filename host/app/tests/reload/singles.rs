//! One binding of a version, tried within the version that decides.

use serde_json::{Value, json};

use super::rollouts::budget;
use super::world::{World, allowing};

/// Versions 1, which decides, and 2: all of whose bindings differ.
fn world() -> World {
    let version = |actions: &str, limit| format!("{}\n{}", allowing(actions), budget(limit));
    World::with_versions(&version("\"one\"", 1_000), &version("\"two\"", 100))
}

fn decided_by(answer: &Value) -> &Value {
    &answer["context"]["policy_set"]
}

#[test]
fn a_binding_is_asked_on_the_side_as_another_version_has_it() {
    let world = world();
    let rollout = world.roll_out(2, "shadow", &json!({"binding": "tools"}));
    let single = json!({"binding": "tools", "of": 2, "within": 1});
    assert_eq!((&rollout["version"], &rollout["single"]), (&json!(3), &single), "{rollout:#}");
    let differs = world.client().get("/v1/policy-sets/1/diff/3").unwrap().json();
    let changed = differs["changed"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]["name"]), (1, &json!("tools")), "{differs:#}");
    // By the budget of version 2, the second would be too much: by that of version 1, it is not.
    for _ in 0..2 {
        assert_eq!(world.ask("a", "one", &[])["decision"], true);
    }
    world.until("decisions were compared", |world| world.report(3)["decisions"] == 2);
    assert_eq!(world.report(3)["changes"]["other-reason"], 0);
    assert_eq!(world.events("policy-set.added", 1)[0]["version"], 3);
    let (code, text) = world.writ(&["policy", "status"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("tools of version 2, within version 1"), "{text}");
}

#[test]
fn a_binding_decides_for_some_and_then_for_all() {
    let world = world();
    let arguments = ["policy", "canary", "2", "--binding", "tools", "--share", "100%"];
    let (code, text) = world.writ(&arguments);
    assert_eq!(code, Some(0), "{text}");
    let canary = world.status()["rollout"]["policy_set"].clone();
    let answer = world.ask("a", "two", &[]);
    assert_eq!((&answer["decision"], decided_by(&answer)), (&json!(true), &canary));
    // 60 each: more than version 2 allows, whose budget is not tried.
    assert_eq!(world.ask("a", "two", &[])["decision"], true);
    let told = &world.events("policy-rollout.started", 1)[0]["plan"]["single"];
    assert_eq!(*told, json!({"binding": "tools", "of": 2, "within": 1}));
    let (code, text) = world.writ(&["policy", "list"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("`tools` of version 2, within version 1"), "{text}");
    let (code, text) = world.writ(&["policy", "canary", "--promote"]);
    assert_eq!(code, Some(0), "{text}");
    let status = world.status();
    assert_eq!((&status["version"], &status["policy_set"]), (&json!(3), &canary));
    assert_eq!(status["rollout"]["ended"]["because"], "promoted");
}

#[test]
fn it_ends_where_another_version_decides_than_the_one_within_which_it_is_tried() {
    let world = world();
    let canary = world.roll_out(2, "canary", &json!({"binding": "tools", "share_percent": 100}));
    let reply = world.client().post("/v1/policy-sets/2/activate", "{}").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let ended = &reply.json()["rollout"]["ended"];
    assert_eq!(ended["because"], "overtaken", "{ended:#}");
    assert_ne!(decided_by(&world.ask("a", "two", &[])), &canary["policy_set"]);
    assert_eq!(world.events("policy-rollout.ended", 1)[0]["because"], "overtaken");
    assert_eq!(world.metric("writ_rollouts_ended_total{because=\"overtaken\"}"), 1);
    // Whoever has seen it go on a moment ago does not undo what another has chosen.
    let path = "/v1/policy-sets/3/canary/promote";
    assert_eq!(world.client().post(path, "{}").unwrap().status, 409);
    assert_eq!(world.status()["version"], 2);
}

#[test]
fn one_is_tried_that_only_the_other_version_has() {
    let two = format!("{}\n{}", allowing("\"one\""), budget(100));
    let world = World::with_versions(&allowing("\"one\""), &two);
    let added = world.roll_out(2, "shadow", &json!({"binding": "budget"}));
    // It is version 2, in which nothing else differs.
    assert_eq!(added["version"], 2);
    assert_eq!(world.client().post("/v1/policy-sets/2/activate", "{}").unwrap().status, 200);
    // Leaving one out by mistake would take a guard away.
    let body = json!({"binding": "budget"}).to_string();
    let reply = world.client().post("/v1/policy-sets/1/shadow", &body).unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert!(reply.text().contains("version 1 has no binding `budget`"), "{}", reply.text());
}

#[test]
fn what_is_no_difference_is_not_tried() {
    let two = format!("{}\n{}", allowing("\"one\""), budget(100));
    let world = World::with_versions(&allowing("\"one\""), &two);
    for (binding, status) in [("other", 404), ("tools", 409), ("No Name", 400)] {
        let body = json!({"binding": binding}).to_string();
        let reply = world.client().post("/v1/policy-sets/2/shadow", &body).unwrap();
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert_eq!(world.status().get("rollout"), None);
}
