//! Sets that decide in place of others.

use serde_json::Value;
use writ_testkit::guests;

use super::world::{World, allowing};

#[test]
fn an_operator_has_files_read_again() {
    let world = World::start(&allowing("\"read\""), &[]);
    let (allowed, before) = world.decide("read");
    assert!(allowed && !world.allows("write"));
    world.replace("writ.toml", allowing("\"write\""));
    // Files are watched, too: one of both is first.
    let reply = world.reload();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    assert!(world.allows("write") && !world.allows("read"));
    let (_, now) = world.decide("write");
    assert_ne!(now, before);
    assert_eq!((&reply["policy_set"], &reply["bindings"]), (&now, &Value::from(1)));

    let events = world.events("policy-set.activated", 1);
    assert_eq!((&events[0]["policy_set"], &events[0]["was"]), (&now, &before));
    assert_eq!(events[0].get("execution"), None);
    let again = world.reload().json();
    assert_eq!((&again["outcome"], &again["since"]), (&Value::from("unchanged"), &reply["since"]));
    assert_eq!(world.events("policy-set.activated", 1).len(), 1);
    assert_eq!(world.reloads("activated"), 1);
}

#[test]
fn the_command_line_reloads_and_tells() {
    let world = World::start(&allowing("\"read\""), &[]);
    let (code, text) = world.writ(&["policy", "reload"]);
    assert_eq!(
        (code, text.starts_with("The policy set is as it was.\n")),
        (Some(0), true),
        "{text}"
    );
    let (code, text) = world.writ(&["policy", "status", "--json"]);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &status["trigger"]), (Some(0), &Value::from("start")));
    assert_eq!(status["policy_set"], world.decide("read").1);
    world.write("writ.toml", "nonsense");
    let (code, text) = world.writ(&["policy", "reload"]);
    assert_eq!(code, Some(65));
    assert!(text.contains("writ.toml:1:"), "{text}");
    let (_, text) = world.writ(&["policy", "status"]);
    assert!(text.contains("failed") && text.contains("in configuration"), "{text}");
}

#[test]
fn a_signal_reads_files_again() {
    let world = World::start(&allowing("\"read\""), &[]);
    world.hang_up();
    world.until("the signal was heard", |world| world.reloads("unchanged") > 0);
    assert!(world.allows("read"));
}

#[test]
fn a_component_that_is_replaced_decides() {
    let config = "[[binding]]\nname = \"tools\"\nsource = \"policy.wasm\"\nsettings = { allow = [\"read\"] }\n";
    let policy = guests::bytes("tool-list");
    let world = World::start(config, &[("policy.wasm", policy.clone())]);
    let (_, before) = world.decide("read");
    // Another component that does the same: a custom section more.
    let section = [&policy[..], &[0, 4, 3, b'a', b'b', b'c']].concat();
    world.replace("policy.wasm", section);
    world.until("the other component decides", |world| {
        world.decide("read") != (true, before.clone())
    });
    assert!(world.allows("read"));
    assert_eq!(world.status()["trigger"], "file");
}

#[test]
fn what_was_counted_of_a_binding_goes_with_it() {
    let world = World::start(&allowing("\"read\""), &[]);
    world.decide("read");
    let page = |world: &World| world.client().get("/metrics").unwrap().text().to_owned();
    assert!(page(&world).contains("binding=\"tools\""));
    world.write("writ.toml", allowing("\"read\"").replace("\"tools\"", "\"others\""));
    assert_eq!(world.reload().status, 200);
    world.decide("read");
    let page = page(&world);
    assert!(page.contains("binding=\"others\"") && !page.contains("binding=\"tools\""), "{page}");
}

#[test]
fn a_section_that_is_not_read_again_is_told() {
    let world = World::start(&allowing("\"read\""), &[]);
    let more = format!("[breaker]\nbackoff-ms = 7\n{}", allowing("\"read\", \"write\""));
    world.write("writ.toml", more);
    let reply = world.reload().json();
    assert_eq!(reply["needs_restart"], serde_json::json!(["breaker"]));
    assert!(world.allows("write"));
}
