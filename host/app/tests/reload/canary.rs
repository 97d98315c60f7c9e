//! A version that decides for some, and a guard that ends it.

use serde_json::{Value, json};
use writ_testkit::guests;

use super::rollouts::failing;
use super::world::{World, allowing};

/// A guard that tells soon.
fn strict() -> Value {
    json!({"min_decisions": 10, "max_latency_factor": 1000})
}

/// The set that decided about a subject.
fn set_of(world: &World, subject: &str) -> Value {
    world.ask(subject, "both", &[])["context"]["policy_set"].clone()
}

#[test]
fn a_version_decides_for_a_stable_share_until_it_decides_for_all() {
    let mut world =
        World::with_versions(&allowing("\"one\", \"both\""), &allowing("\"two\", \"both\""));
    let one = world.status()["policy_set"].clone();
    let rollout = world.roll_out(2, "canary", &json!({"share_percent": 50, "guard": strict()}));
    let two = rollout["policy_set"].clone();
    let sets: Vec<_> = (0..40).map(|id| set_of(&world, &format!("s{id}"))).collect();
    let ours = sets.iter().filter(|set| **set == two).count();
    assert!((5..35).contains(&ours), "{ours} of 40");
    assert!(sets.iter().all(|set| *set == one || *set == two));
    assert_eq!(world.metric("writ_canary_decisions_total{set=\"canary\"}"), ours as u64);
    let seen = &world.status()["rollout"]["seen"];
    assert_eq!(seen["canary"]["decisions"], ours as u64, "{seen:#}");

    // The same subjects, also after a restart, and with a larger share.
    world.server.kill();
    world.server.restart();
    world.roll_out(2, "canary", &json!({"share_percent": 90, "guard": strict()}));
    for (id, set) in sets.iter().enumerate().filter(|(_, set)| **set == two) {
        assert_eq!(set_of(&world, &format!("s{id}")), *set);
    }
    let (code, text) = world.writ(&["policy", "canary", "--promote", "--comment", "it holds"]);
    assert_eq!(code, Some(0), "{text}");
    assert!((0..20).all(|id| set_of(&world, &format!("s{id}")) == two));
    let status = world.status();
    assert_eq!((&status["version"], &status["comment"]), (&json!(2), &json!("it holds")));
    assert_eq!(status["rollout"]["ended"]["because"], "promoted");
    let ends = world.events("policy-rollout.ended", 2);
    let because: Vec<_> = ends.iter().map(|event| event["because"].clone()).collect();
    assert_eq!(because, ["replaced", "promoted"]);
}

#[test]
fn a_header_chooses_and_who_bears_none_is_not_chosen() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    let (code, text) = world.writ(&["policy", "canary", "2", "--header", "X-Canary=yes"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("x-canary: yes"), "{text}");
    let may = |header: &[(&str, &str)]| world.ask("a", "two", header)["decision"] == true;
    assert!(may(&[("x-canary", "yes")]) && may(&[("X-CANARY", "yes")]));
    assert!(!may(&[]) && !may(&[("x-canary", "no")]));
    let (code, text) = world.writ(&["policy", "canary", "--stop"]);
    assert_eq!((code, text.as_str()), (Some(0), "Version 2 decides no more.\n"));
    assert!(!may(&[("x-canary", "yes")]));
    let (code, text) = world.writ(&["policy", "canary", "--promote"]);
    assert!(code != Some(0) && text.contains("no version is rolled out as canary"), "{text}");
}

#[test]
fn a_version_that_fails_is_rolled_back_by_itself() {
    let component = ("panic.wasm", guests::bytes("hostile/panic"));
    let world = World::start(&allowing("\"read\""), &[component]);
    world.write("writ.toml", failing());
    assert_eq!(world.reload().status, 200);
    assert_eq!(world.client().post("/v1/policies/rollback", "{}").unwrap().status, 200);
    world.roll_out(2, "canary", &json!({"share_percent": 100, "guard": strict()}));
    world.until("the guard has ended it", |world| {
        let allowed = world.allows("read");
        let rollout = &world.status()["rollout"];
        allowed && rollout["ended"]["because"] == "max-fault-rate"
    });
    let ended = world.events("policy-rollout.ended", 1).remove(0);
    assert_eq!((&ended["because"], ended.get("by")), (&json!("max-fault-rate"), None));
    assert!(ended["detail"].as_str().unwrap().contains("gave no verdict"), "{ended:#}");
    assert_eq!(world.metric("writ_rollouts_ended_total{because=\"max-fault-rate\"}"), 1);
    assert_eq!(world.metric("writ_rollout_version{how=\"canary\"}"), 0);
    let (_, text) = world.writ(&["policy", "status"]);
    assert!(text.contains("max-fault-rate") && text.contains("gave no verdict"), "{text}");
    assert!((0..20).all(|_| world.allows("read")));
}

#[test]
fn a_version_that_denies_more_is_rolled_back_by_itself() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    world.roll_out(2, "canary", &json!({"share_percent": 50, "guard": strict()}));
    world.until("the guard has ended it", |world| {
        (0..10).for_each(|id| drop(world.ask(&format!("s{id}"), "one", &[])));
        world.status()["rollout"]["ended"]["because"] == "max-deny-rate-increase"
    });
    assert!((0..10).all(|id| world.ask(&format!("s{id}"), "one", &[])["decision"] == true));
    assert_eq!(world.events("policy-rollout.ended", 1).len(), 1);
}

#[test]
fn an_execution_is_decided_by_the_version_of_its_subject() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    world.roll_out(2, "canary", &json!({"share_percent": 100}));
    let status = |action: &str| {
        let body = json!({
            "subject": {"type": "agent", "id": "a1"},
            "action": {"name": action},
            "resource": {"type": "tool", "id": "t1"},
        });
        let reply = world.client().post("/v1/executions", &body.to_string()).unwrap();
        reply.json()["status"].clone()
    };
    assert_eq!((status("two"), status("one")), (json!("allowed"), json!("denied")));
    assert_eq!(world.client().delete("/v1/policy-sets/2/canary").unwrap().status, 204);
    assert_eq!((status("two"), status("one")), (json!("denied"), json!("allowed")));
}

#[test]
fn what_a_version_allowed_that_decides_no_more_is_decided_again_when_it_begins() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    let ask = |action: &str| {
        let body = json!({
            "subject": {"type": "agent", "id": "a1"},
            "action": {"name": action},
            "resource": {"type": "tool", "id": "t1"},
        });
        let reply = world.client().post("/v1/executions", &body.to_string()).unwrap().json();
        assert_eq!(reply["status"], "allowed", "{reply:#}");
        (reply["id"].as_str().unwrap().to_owned(), json!({"action": {"name": action}}))
    };
    let claim = |(id, action): &(String, Value)| {
        let path = format!("/v1/executions/{id}/claim");
        world.client().post(&path, &action.to_string()).unwrap()
    };
    // While the canary decides, and by it; then by the version that it was beside.
    let one = ask("one");
    world.roll_out(2, "canary", &json!({"share_percent": 100}));
    let (first, second) = (ask("two"), ask("two"));
    assert_eq!(claim(&first).status, 200);
    assert_eq!(world.client().delete("/v1/policy-sets/2/canary").unwrap().status, 204);
    let refused = claim(&second);
    assert_eq!((refused.status, &refused.json()["status"]), (409, &json!(409)));
    assert!(refused.text().contains("decided-otherwise"), "{}", refused.text());
    // What the other version allowed meanwhile is not the promoted one's.
    world.roll_out(2, "canary", &json!({"share_percent": 100}));
    assert_eq!(world.writ(&["policy", "canary", "--promote"]).0, Some(0));
    assert!(claim(&one).text().contains("decided-otherwise"));
}

#[test]
fn who_goes_away_meanwhile_leaves_no_version_that_decides_and_has_ended() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    for _ in 0..10 {
        world.roll_out(2, "canary", &json!({"share_percent": 100}));
        let mut client = world.client();
        let head = client.head("DELETE", "/v1/policy-sets/2/canary");
        client.write(format!("{head}\r\n").as_bytes()).unwrap();
        drop(client);
        // Whether or not the first was heard, the second finds that it has ended, or ends it.
        let reply = world.client().delete("/v1/policy-sets/2/canary").unwrap();
        assert!([204, 409].contains(&reply.status), "{}", reply.text());
        assert!(world.allows("one"), "{:#}", world.status());
        assert!(!world.status()["rollout"]["ended"].is_null());
    }
    assert_eq!(world.events("policy-rollout.ended", 10).len(), 10);
}

#[test]
fn a_version_is_never_active_and_its_own_canary() {
    let world = World::with_versions(&allowing("\"one\""), &allowing("\"two\""));
    for _ in 0..10 {
        std::thread::scope(|scope| {
            scope.spawn(|| world.client().post("/v1/policy-sets/2/canary", "{}").unwrap());
            scope.spawn(|| world.client().post("/v1/policy-sets/2/activate", "{}").unwrap());
        });
        let status = world.status();
        assert_eq!(status["version"], 2);
        let rollout = &status["rollout"];
        assert!(rollout.is_null() || !rollout["ended"].is_null(), "{status:#}");
        let reply = world.client().post("/v1/policy-sets/1/activate", "{}").unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(world.allows("one"));
    }
}
