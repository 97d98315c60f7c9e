//! Sets that are refused: the one before them decides, and it is told why.

use serde_json::json;
use writ_testkit::guests;

use super::world::{World, allowing};

const CASE: &str = r#"
[[case]]
name = "who reads may"
request.subject = { type = "agent", id = "a1" }
request.action.name = "read"
request.resource = { type = "tool", id = "t1" }
expect.decision = "allowed"
"#;

fn tested(actions: &str) -> String {
    format!("[tests]\ndirectory = \"cases\"\n{}", allowing(actions))
}

/// Whether a set is refused at a phase and the one before it decides, which allows `read`.
fn check(change: impl FnOnce(&World), phase: &str, reason: &str) {
    let place = [("cases/a.toml", CASE.as_bytes().to_vec())];
    let world = World::start(&tested("\"read\""), &place);
    assert_eq!(world.status()["cases"], 1);
    let (_, before) = world.decide("read");
    change(&world);
    let reply = world.reload();
    assert_eq!(reply.status, 422, "{}", reply.text());
    let problem = reply.json();
    assert_eq!(problem["code"], "policy-set-refused");
    let told = problem["detail"].as_str().unwrap();
    assert!(told.contains(reason), "{told}");
    assert_eq!(world.decide("read"), (true, before.clone()));

    let status = world.status();
    assert_eq!((&status["policy_set"], &status["failure"]["phase"]), (&before, &json!(phase)));
    assert_eq!(status["trigger"], "start");
    let events = world.events("policy-set.refused", 1);
    assert_eq!((&events[0]["active"], &events[0]["phase"]), (&before, &json!(phase)));
    assert!(world.reloads("refused") >= 1);

    // What is mended is taken, and the failure forgotten.
    world.write("writ.toml", tested("\"read\", \"list\""));
    world.write("cases/a.toml", CASE);
    assert_eq!(world.reload().status, 200);
    assert!(world.allows("list"));
    assert_eq!(world.status().get("failure"), None);
}

#[test]
fn a_file_that_is_no_configuration() {
    check(
        |world| world.write("writ.toml", "[[binding]]\nname = 7"),
        "configuration",
        "writ.toml:2:8",
    );
}

#[test]
fn a_file_that_was_cut_off() {
    let whole = tested("\"read\"");
    check(
        |world| world.write("writ.toml", &whole[..whole.len() - 5]),
        "configuration",
        "no valid TOML",
    );
}

/// Many programs empty a file before they write it.
#[test]
fn a_file_that_was_emptied() {
    check(|world| world.write("writ.toml", ""), "configuration", "the file is empty");
}

#[test]
fn settings_that_break_the_schema() {
    let settings = tested("7");
    check(|world| world.write("writ.toml", &settings), "loading", "7 is not of type");
}

/// Neither the host nor a policy quotes what a policy's schema marks.
#[test]
fn sensitive_settings_are_not_told() {
    let config = |token: &str| {
        tested("\"read\"")
            .replace("builtin:tool-list", "tells.wasm")
            .replace("allow = [\"read\"]", &format!("token = \"{token}\""))
    };
    for (token, reason) in [
        ("hunter2-hunter2", "these will not do: {\"token\":\"•••\"}"),
        (&"hunter2-".repeat(6), "\"•••\" is longer than 40 characters"),
    ] {
        check(
            |world| {
                world.write("tells.wasm", guests::bytes("hostile/tells-settings"));
                world.write("writ.toml", config(token));
                assert_eq!(world.reload().status, 422);
                let events = world.events("policy-set.refused", 1);
                let told = format!("{} {events:?}", world.status());
                assert!(!told.contains("hunter2"), "{told}");
            },
            "loading",
            reason,
        );
    }
}

#[test]
fn a_component_that_is_none() {
    let config = tested("\"read\"").replace("builtin:tool-list", "broken.wasm");
    check(
        |world| {
            world.write("broken.wasm", "\0asm");
            world.write("writ.toml", &config);
        },
        "loading",
        "does not load",
    );
}

#[test]
fn a_component_that_imports_what_is_not_offered() {
    let config = tested("\"read\"").replace("builtin:tool-list", "evil.wasm");
    check(
        |world| {
            world.write("evil.wasm", guests::bytes("hostile/forbidden-import"));
            world.write("writ.toml", &config);
        },
        "loading",
        "import",
    );
}

#[test]
fn cases_that_do_not_hold() {
    check(
        |world| world.write("writ.toml", tested("\"write\"")),
        "cases",
        "who reads may: step 1: the decision is `all-abstained`",
    );
}

#[test]
fn a_case_file_that_cannot_be_used() {
    check(|world| world.write("cases/a.toml", "[[case]]\n"), "configuration", "cases/a.toml");
}
