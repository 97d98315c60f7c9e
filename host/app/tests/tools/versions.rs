//! A tool that is another now: neighbours that have the old one go on with it, and where nobody has, what
//! waits for it is refused.

use serde_json::Value;
use writ_testkit::guests;
use writ_testkit::server::Writ;

use crate::world::{Tables, World, on_both, payout, text};

on_both! {
    what_waits_for_a_tool_that_nobody_has_is_refused_with_its_own_reason,
}

/// The same component with another digest: a custom section is added at its end.
fn other_version() -> Vec<u8> {
    let mut component = guests::bytes("tool-payout");
    component.extend([0, 2, 1, b'v']);
    component
}

fn is_refused(denied: &Value) {
    assert_eq!(denied["denial"]["code"], "tool-changed", "{denied:#}");
    let now = writ_core::Digest::of(other_version()).to_string();
    let told = text(&denied["denial"]["reasons"][0]["reason"]);
    assert!(told.contains(&now), "{told}");
    assert_eq!(denied["denial"]["reasons"][0]["binding"], "payout");
}

fn soon(config: &mut String) {
    *config = config.replace("[worker]", "[worker]\nchanged-after-ms = 300");
}

fn what_waits_for_a_tool_that_nobody_has_is_refused_with_its_own_reason(tables: Tables) {
    let mut world = World::on(tables, 0, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    let component = world.server.directory().join("payout.wasm");
    world.answer(&asked, 0, "approve");
    world.until(&asked, |seen| seen["approvals"][1].is_object() && seen["status"] == "suspended");
    std::fs::write(component, other_version()).unwrap();
    world.kill_and(soon);
    assert_eq!(world.see(&asked)["status"], "suspended", "people may still answer");
    world.answer(&asked, 1, "approve");
    is_refused(&world.until_status(&asked, "denied"));
    assert_eq!(world.count(&asked, "execution.succeeded"), 0);
    // The tool that there is now works.
    let next = world.ask("payout", &payout());
    world.answer(&next, 0, "approve");
    world.answer(&next, 1, "approve");
    assert_eq!(world.until_status(&next, "succeeded")["result"]["number"], 2);
}

/// A server on the same database that has the other version.
fn neighbour(world: &World) -> Writ {
    let config = std::fs::read_to_string(world.server.directory().join("writ.toml")).unwrap();
    let files = [("rules.wasm", guests::dist_bytes("rules")), ("payout.wasm", other_version())];
    world.beside(&config, &files)
}

#[test]
fn a_neighbour_with_another_version_leaves_it_to_who_has_the_tool() {
    let mut world = World::on(Tables::Postgres, 0, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    let _neighbour = neighbour(&world);
    // Both look for work: only one of them has the tool, and the other must not refuse it.
    world.answer(&asked, 0, "approve");
    world.answer(&asked, 1, "approve");
    assert_eq!(world.until_status(&asked, "succeeded")["result"]["number"], 1);
    world.kill();
    let next = world.ask("payout", &payout());
    world.answer(&next, 0, "approve");
    world.answer(&next, 1, "approve");
    world.until_status(&next, "succeeded");
}
