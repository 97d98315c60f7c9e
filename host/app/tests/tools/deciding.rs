//! Policies are asked again each time that a tool goes on, by the set that is active then.

use serde_json::{Value, json};

use crate::world::{Tables, World, on_both, payout};

on_both! {
    a_tool_that_policies_now_deny_does_not_go_on,
    what_a_tool_was_counted_for_when_it_began_does_not_stop_it,
    a_run_that_is_taken_over_is_decided_again,
}

/// Nothing is allowed below 1,000,000 cents any more.
fn deny_small(config: &mut String) {
    *config = config.replace("effect = \"allow\"", "effect = { deny = \"payouts are closed\" }");
}

/// They are again, by a set that no host has had before: files that a host once had, and shows again when it
/// starts, may be those of a host that was away, and do not undo what the others decide by.
fn allow_small(config: &mut String) {
    let closed = "effect = { deny = \"payouts are closed\" }";
    *config = config.replace(closed, "effect = \"allow\"").replace("lt = 1000000", "lt = 999999");
}

fn is_denied(denied: &Value) {
    assert_eq!(denied["denial"]["code"], "denied-by-policy", "{denied:#}");
    let reasons = json!([{"binding": "small", "reason": "payouts are closed"}]);
    assert_eq!(denied["denial"]["reasons"], reasons);
}

fn a_tool_that_policies_now_deny_does_not_go_on(tables: Tables) {
    let mut world = World::on(tables, 0, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    world.kill_and(deny_small);
    world.answer(&asked, 0, "approve");
    is_denied(&world.until_status(&asked, "denied"));
    assert_eq!(world.count(&asked, "execution.decided"), 2);
    assert_eq!(world.count(&asked, "execution.resumed"), 0);
    // What comes next in the tool would have been counted, and was not.
    world.kill_and(allow_small);
    let next = world.ask("payout", &payout());
    world.answer(&next, 0, "approve");
    world.answer(&next, 1, "approve");
    let result = &world.until_status(&next, "succeeded")["result"];
    assert_eq!((&result["number"], &result["checked"]), (&json!(2), &json!(1)));
}

fn what_a_tool_was_counted_for_when_it_began_does_not_stop_it(tables: Tables) {
    let budget = "[[binding]]\nname = \"budget\"\nsource = \"budget.wasm\"\n\
                  limits = { deadline-ms = 10000, timeout-ms = 30000 }\n[binding.settings]\n\
                  amount = \"/action/properties/cents\"\nlimit = 500\nper = \"global\"\n";
    let mut world = World::on(tables, 0, budget, &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    world.kill();
    world.answer(&asked, 0, "approve");
    world.answer(&asked, 1, "approve");
    world.until_status(&asked, "succeeded");
    assert_eq!(world.count(&asked, "execution.decided"), 3, "once, and each time that it went on");
    // It was counted once: nothing is left, and nothing was overspent.
    let next = world.ask("payout", &payout());
    assert_eq!(next["status"], "denied");
    let told = next["denial"]["reasons"][0]["reason"].as_str().unwrap();
    assert!(told.contains("500 is spent"), "{told}");
}

fn a_run_that_is_taken_over_is_decided_again(tables: Tables) {
    let mut world = World::on(tables, 5_000, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until(&asked, |seen| seen["status"] == "running" && seen["approvals"][0].is_object());
    world.kill_and(deny_small);
    let denied = world.until_status(&asked, "denied");
    is_denied(&denied);
    assert_eq!(denied["approvals"][0]["state"], "cancelled");
}
