//! Bindings whose verdict does not count: they are asked on the side.

use serde_json::{Value, json};
use writ_testkit::guests;

use super::world::{World, allowing};

/// A binding that does not count, of a policy and its settings.
fn shadow(name: &str, source: &str, rest: &str) -> String {
    format!(
        "\n[[binding]]\nname = \"{name}\"\nsource = \"{source}\"\nmode = \"shadow\"\n\
         limits = {{ deadline-ms = 10000, timeout-ms = 30000 }}\n{rest}\n"
    )
}

/// What is told of a binding, once so many decisions were compared.
fn compared(world: &World, binding: &str, decisions: u64) -> Value {
    let path = format!("/v1/policy-sets/1/shadow?binding={binding}");
    let report = || {
        let reply = world.client().get(&path).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    world.until("decisions were compared", |_| report()["decisions"].as_u64() >= Some(decisions));
    report()
}

#[test]
fn what_would_change_is_told_of_each_alone_and_nobody_is_answered_by_it() {
    let config = allowing("\"one\", \"both\"")
        + &shadow("strict", "builtin:tool-list", "settings = { deny = [\"one\"] }")
        + &shadow("lax", "builtin:tool-list", "settings = { allow = [\"two\"] }");
    let world = World::start(&config, &[]);
    for (action, is_allowed) in [("one", true), ("two", false), ("both", true)] {
        let answer = world.ask("a", action, &[]);
        assert_eq!(answer["decision"], is_allowed, "{answer:#}");
        assert_eq!(answer["context"]["policies"].as_array().unwrap().len(), 1, "{answer:#}");
    }
    let strict = compared(&world, "strict", 3);
    assert_eq!(
        (&strict["changes"]["new-denial"], &strict["changes"]["same"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(strict["examples"][0]["now"]["by"], json!(["strict"]), "{strict:#}");
    let lax = compared(&world, "lax", 3);
    assert_eq!((&lax["changes"]["new-allow"], &lax["changes"]["same"]), (&json!(1), &json!(2)));
    assert_eq!(world.status()["shadow_bindings"], json!(["strict", "lax"]));
    assert_eq!(world.metric("writ_shadow_decisions_total{of=\"binding\",result=\"same\"}"), 4);

    let (code, text) = world.writ(&["policy", "shadow", "--report", "--binding", "strict"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("Binding strict of version 1, beside 3 decisions"), "{text}");
    for path in ["/v1/policy-sets/1/shadow?binding=other", "/v1/policy-sets/2/shadow?binding=lax"] {
        assert_eq!(world.client().get(path).unwrap().status, 404, "{path}");
    }
}

#[test]
fn what_it_stores_lies_beside_the_store_and_is_thrown_away() {
    let rate = "settings = { limit = 2, window-seconds = 3600 }";
    let config = allowing("\"one\"") + &shadow("rate", "builtin:rate-limit", rate);
    let world = World::start(&config, &[]);
    (0..3).for_each(|_| assert!(world.allows("one")));
    let changes = compared(&world, "rate", 3)["changes"].clone();
    assert_eq!((&changes["same"], &changes["new-denial"]), (&json!(2), &json!(1)));
    // Once it counts, it has counted nothing yet.
    world.write("writ.toml", config.replace("mode = \"shadow\"\n", ""));
    assert_eq!(world.reload().status, 200);
    let allowed = [0; 3].map(|_| world.allows("one"));
    assert_eq!(allowed, [true, true, false]);
}

#[test]
fn what_was_seen_of_it_outlives_a_change_of_another() {
    let strict = shadow("strict", "builtin:tool-list", "settings = { deny = [\"one\"] }");
    let world = World::start(&(allowing("\"one\"") + &strict), &[]);
    assert!(world.allows("one"));
    compared(&world, "strict", 1);
    world.write("writ.toml", allowing("\"one\", \"two\"") + &strict);
    assert_eq!(world.reload().status, 200);
    let reply = world.client().get("/v1/policy-sets/2/shadow?binding=strict").unwrap();
    assert_eq!(reply.json()["changes"]["new-denial"], 1, "{}", reply.text());
}

#[test]
fn a_set_in_which_nothing_counts_is_not_ready() {
    let world = World::start(&allowing("\"one\""), &[]);
    assert_eq!(world.client().get("/ready").unwrap().status, 200);
    let config = shadow("lax", "builtin:tool-list", "settings = { allow = [\"one\"] }");
    world.write("writ.toml", config);
    assert_eq!(world.reload().status, 200);
    assert!(!world.allows("one"));
    assert_eq!(world.client().get("/ready").unwrap().status, 503);
}

#[test]
fn it_is_asked_about_what_it_matches_and_harms_nobody() {
    let panic = shadow("panic", "panic.wasm", "match = { action = \"one\" }");
    let config = allowing("\"one\", \"two\"") + &panic;
    let world = World::start(&config, &[("panic.wasm", guests::bytes("hostile/panic"))]);
    for action in ["two", "one", "two"] {
        assert!(world.allows(action));
    }
    let report = compared(&world, "panic", 1);
    assert_eq!((&report["decisions"], &report["changes"]["new-fault"]), (&json!(1), &json!(1)));
    assert_eq!(world.metric("writ_faults_total{code=\"trap\"}"), 0);
}
