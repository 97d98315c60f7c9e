//! Versions that somebody sends, and that do not decide by that.

use serde_json::{Value, json};
use writ_testkit::guests;

use super::world::{World, allowing};

fn create(world: &World, body: &Value) -> (u16, Value) {
    let reply = world.client().post("/v1/policy-sets", &body.to_string()).unwrap();
    (reply.status, reply.json())
}

/// A world in which a policy is in the store, and its digest.
fn with_tool_list() -> (World, Value) {
    let world = World::start(&allowing("\"one\""), &[]);
    let binding = &world.client().get("/v1/policy-sets/1").unwrap().json()["bindings"][0];
    let component = binding["component"].clone();
    (world, component)
}

#[test]
fn a_version_is_made_tested_and_tried_before_it_decides() {
    let (world, component) = with_tool_list();
    let case = "[[case]]\nname = \"two is allowed\"\nrequest.subject = { type = \"agent\", id = \"a\" }\n\
        request.action = { name = \"two\" }\nrequest.resource = { type = \"tool\", id = \"t\" }\n\
        expect.decision = \"DECISION\"\n";
    let body = |decision: &str| {
        json!({
            "bindings": [{
                "name": "tools", "component": component, "settings": {"allow": ["two"]},
                "limits": {"deadline-ms": 10_000, "timeout-ms": 30_000},
            }],
            "cases": [{"file": "tests/two.toml", "text": case.replace("DECISION", decision)}],
            "comment": "two at last",
        })
    };
    let (status, problem) = create(&world, &body("denied"));
    assert_eq!((status, &problem["type"]), (422, &json!("urn:writ:problem:policy-set-refused")));
    assert!(problem["detail"].as_str().unwrap().contains("two is allowed"), "{problem:#}");
    let (status, version) = create(&world, &body("allowed"));
    assert_eq!((status, &version["id"]), (201, &json!(2)), "{version:#}");
    assert_eq!((&version["author"], &version["active"]), (&json!("operator"), &json!(false)));
    let refused = world.events("policy-set.refused", 1);
    assert_eq!((&refused[0]["phase"], &refused[0]["by"]), (&json!("cases"), &json!("operator")));
    assert_eq!(world.reloads("refused"), 1);
    let (status, again) = create(&world, &body("allowed"));
    assert_eq!((status, &again["id"], &again["created"]), (200, &json!(2), &json!(false)));
    assert_eq!((&version["created"], &again["comment_kept"]), (&json!(true), &json!(false)));
    assert!(world.allows("one"));
    let told = world.events("policy-set.added", 1);
    assert_eq!((&told[0]["version"], &told[0]["comment"]), (&json!(2), &json!("two at last")));
    world.roll_out(2, "shadow", &json!({}));
    assert_eq!(world.client().post("/v1/policy-sets/2/activate", "{}").unwrap().status, 200);
    assert!(world.allows("two"));
}

#[test]
fn what_a_version_tells_makes_it_again() {
    let (world, _) = with_tool_list();
    let version = world.client().get("/v1/policy-sets/1").unwrap().json();
    let (status, same) = create(&world, &json!({"bindings": version["bindings"]}));
    assert_eq!((status, &same["id"], &same["active"]), (200, &json!(1), &json!(true)));
}

#[test]
fn a_version_does_not_tell_of_another_source_than_its_own() {
    let (world, component) = with_tool_list();
    let told = |source: &str| {
        let settings = json!({"allow": [source]});
        let binding =
            json!({"name": "t", "component": component, "source": source, "settings": settings});
        let (status, version) = create(&world, &json!({"bindings": [binding]}));
        assert_eq!(status, 201, "{version:#}");
        let path = format!("/v1/policy-sets/{}", version["id"]);
        world.client().get(&path).unwrap().json()["bindings"][0]["source"].clone()
    };
    assert_eq!(told("builtin:tool-list"), "builtin:tool-list");
    assert_eq!(told("builtin:rules"), component);
    assert_eq!(told("policies/mine.wasm"), "policies/mine.wasm");
}

#[test]
fn cases_may_be_larger_than_what_agents_send() {
    let (world, component) = with_tool_list();
    let settings = json!({"allow": ["two"]});
    let text = format!("# {}\ncase = []\n", "x".repeat(2 << 20));
    let (status, version) = create(
        &world,
        &json!({
            "bindings": [{"name": "tools", "component": component, "settings": settings}],
            "cases": [{"file": "large.toml", "text": text}],
        }),
    );
    assert_eq!(status, 201, "{version:#}");
}

#[test]
fn what_would_not_load_is_no_version() {
    let (world, component) = with_tool_list();
    let binding = |extra: Value| {
        let settings = json!({"allow": ["one"]});
        let mut binding = json!({"name": "tools", "component": component, "settings": settings});
        binding.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"bindings": [binding]})
    };
    let absent = writ_core::Digest::of("absent");
    for (body, status, told) in [
        (binding(json!({"component": absent})), 422, "its component sha256:"),
        (binding(json!({"settings": {"allow": "one"}})), 422, "the settings of `tools`"),
        (binding(json!({"match": {"action": []}})), 422, "an empty list of globs"),
        (binding(json!({"match": {"action": ["[a]"]}})), 422, "is no glob"),
        (binding(json!({"match": {"moon": ["a"]}})), 422, "matches what no request has"),
        (binding(json!({"limits": {"fuel": 1}})), 422, "fuel"),
        (binding(json!({"order": "first"})), 422, "is no order"),
        (binding(json!({"moon": 1})), 400, "moon"),
        (binding(json!({"mode": "shade"})), 400, "mode"),
        (
            json!({"bindings": [binding(json!({}))["bindings"][0], binding(json!({}))["bindings"][0]]}),
            422,
            "two bindings are called `tools`",
        ),
    ] {
        let (found, problem) = create(&world, &body);
        assert_eq!(found, status, "{problem:#}");
        assert!(problem.to_string().contains(told), "{told}: {problem:#}");
    }
    assert_eq!(world.client().get("/v1/policy-sets/2").unwrap().status, 404);
}

#[test]
fn a_configuration_becomes_a_version_with_all_that_it_names() {
    let file = guests::bytes("rate-limit");
    let world = World::start(&allowing("\"one\""), &[]);
    let next = world.directory().join("next");
    std::fs::create_dir_all(next.join("tests")).unwrap();
    std::fs::write(next.join("rate.wasm"), file).unwrap();
    // What it names beside policies need not be here.
    let config = format!(
        "[[channel]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"https://ops.example/\"\nsecret-file = \"secret\"\nevents = [\"approval.*\"]\n[tests]\ndirectory = \"tests\"\n{}\n[[binding]]\nname = \"rate\"\nsource = \"rate.wasm\"\n\
         match = {{ action = \"two\" }}\nmode = \"shadow\"\nsettings = {{ limit = 1, window-seconds = 60 }}\n",
        allowing("\"two\"")
    );
    std::fs::write(next.join("writ.toml"), config).unwrap();
    std::fs::write(
        next.join("tests/two.json"),
        json!({
            "name": "two", "request": {
                "subject": {"type": "agent", "id": "a"}, "action": {"name": "two"},
                "resource": {"type": "tool", "id": "t"},
            },
            "expect": {"decision": "allowed"},
        })
        .to_string(),
    )
    .unwrap();
    let file = next.join("writ.toml");
    let (code, text) = world.writ(&["policy", "create", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Version 2 does not decide"), "{text}");
    let version = world.client().get("/v1/policy-sets/2").unwrap().json();
    assert_eq!(
        (&version["bindings"][1]["source"], &version["bindings"][1]["mode"]),
        (&json!("rate.wasm"), &json!("shadow"))
    );
    assert!(world.allows("one"));
    let (code, text) = world.writ(&["policy", "activate", "2"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(world.allows("two"));
    let again = ["policy", "create", file.to_str().unwrap(), "--comment", "again"];
    let (code, text) = world.writ(&again);
    assert_eq!(code, Some(0), "{text}");
    let expected =
        "There was such a version already. The comment is not kept.\nVersion 2 decides.\n";
    assert!(text.ends_with(expected), "{text}");
    std::fs::write(&file, "\n").unwrap();
    let (code, text) = world.writ(&["policy", "create", file.to_str().unwrap()]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("the file is empty"), "{text}");
}
