//! Hosts that are killed while their tools wait for people, and in between.

use serde_json::json;

use crate::world::{Tables, World, on_both, payout};

on_both! {
    a_tool_asks_twice_and_the_host_is_killed_in_both_waits,
    a_tool_that_is_held_in_memory_is_taken_over_once_its_lease_has_run_out,
    an_answer_that_is_given_while_the_host_is_away_from_the_tool_is_not_lost,
}

fn receipt(number: u64) -> serde_json::Value {
    let agreed = ["user:tess", "user:dora"];
    json!({"number": number, "checked": number, "released": number, "agreed": agreed})
}

fn a_tool_asks_twice_and_the_host_is_killed_in_both_waits(tables: Tables) {
    // Held for nothing: it is dropped from memory as soon as it waits.
    let mut world = World::on(tables, 0, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    world.kill();
    assert_eq!(world.see(&asked)["status"], "suspended");
    let page = world.server.client().get("/metrics").unwrap().text().to_owned();
    assert!(page.lines().any(|line| line == r#"writ_executions{status="suspended"} 1"#), "{page}");
    world.answer(&asked, 0, "approve");
    world.until(&asked, |seen| seen["status"] == "suspended" && seen["approvals"][1].is_object());
    world.kill();
    world.answer(&asked, 1, "approve");
    // As if nothing had happened: each counter counted once, and who agreed did so in order.
    assert_eq!(world.until_status(&asked, "succeeded")["result"], receipt(1));
    let page = world.server.client().get("/metrics").unwrap().text().to_owned();
    for line in [
        "writ_executions{status=\"suspended\"} 0",
        "writ_tool_runs_total{outcome=\"succeeded\",tool=\"payout\"} 1",
        "writ_tool_runs_total{outcome=\"dropped\",tool=\"payout\"} 0",
        "writ_tool_resume_seconds_count{tool=\"payout\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "`{line}` is not in:\n{page}");
    }
    // The next one finds what the first has stored.
    let next = world.ask("payout", &payout());
    world.answer(&next, 0, "approve");
    world.answer(&next, 1, "approve");
    assert_eq!(world.until_status(&next, "succeeded")["result"], receipt(2));
}

fn a_tool_that_is_held_in_memory_is_taken_over_once_its_lease_has_run_out(tables: Tables) {
    let mut world = World::on(tables, 2_000, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until(&asked, |seen| seen["status"] == "running" && seen["approvals"][0].is_object());
    world.kill();
    // The answer comes while nobody runs the tool.
    world.answer(&asked, 0, "approve");
    world.until(&asked, |seen| seen["approvals"][1].is_object());
    world.kill();
    world.answer(&asked, 1, "approve");
    assert_eq!(world.until_status(&asked, "succeeded")["result"], receipt(1));
    let count = |kind| world.count(&asked, kind);
    assert_eq!(count("approval.asked"), 2, "nobody is asked twice");
    assert_eq!((count("execution.claimed"), count("execution.succeeded")), (1, 1));
    assert!(count("execution.resumed") >= 2);
}

fn an_answer_that_is_given_while_the_host_is_away_from_the_tool_is_not_lost(tables: Tables) {
    let mut world = World::on(tables, 0, "", &[]);
    let asked = world.ask("payout", &payout());
    world.until_status(&asked, "suspended");
    world.answer(&asked, 0, "approve");
    world.kill();
    world.answer(&asked, 1, "approve");
    world.kill();
    assert_eq!(world.until_status(&asked, "succeeded")["result"], receipt(1));
}
