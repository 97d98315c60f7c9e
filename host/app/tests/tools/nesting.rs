//! Tools that call tools: who called learns the end, and takes with it what it called.

use serde_json::{Value, json};
use writ_testkit::guests;

use crate::world::{Tables, World, on_both, path, payout, question, text};

on_both! {
    what_a_cancelled_tool_has_called_is_called_off_at_every_depth,
    a_caller_learns_of_an_end_while_hosts_are_killed,
}

/// `outer` calls `middle`, which calls `payout`, which asks people.
fn chained(tables: Tables) -> World {
    let tool = |name: &str, next: &str| {
        format!(
            "[[tools]]\nname = \"{name}\"\nsource = \"relay.wasm\"\n\
             grants = {{ tools = [\"{next}\"] }}\nlimits = {{ timeout-ms = 1_000 }}\n"
        )
    };
    let more = format!("{}{}", tool("outer", "middle"), tool("middle", "payout"));
    World::on(tables, 0, &more, &[("relay.wasm", guests::bytes("hostile/tool-relay"))])
}

/// The executions of a chain, the innermost first, once each of them waits.
fn until_all_wait(world: &World, outer: &Value) -> [Value; 3] {
    world.until_status(outer, "suspended");
    let listed = world.until_at("/v1/executions", |list| {
        let items = list["items"].as_array().unwrap();
        items.len() == 3 && items.iter().all(|item| item["status"] == "suspended")
    });
    [0, 1, 2].map(|index| listed["items"][index].clone())
}

fn what_a_cancelled_tool_has_called_is_called_off_at_every_depth(tables: Tables) {
    let mut world = chained(tables);
    let outer = world.ask("outer", &payout());
    let chain = until_all_wait(&world, &outer);
    assert_eq!(chain.each_ref().map(|one| &one["tool"]["name"]), ["payout", "middle", "outer"]);
    let reply = world.post(&world.agent, &path(&outer, "/cancel"), &json!({}));
    assert_eq!(reply.json()["status"], "cancelled", "{}", reply.text());
    // Whoever cancelled has been answered: nothing that follows from it may be lost.
    world.kill();
    let [innermost, middle, _] = chain.map(|one| world.until_status(&one, "cancelled"));
    assert_eq!(innermost["approvals"][0]["state"], "cancelled", "nobody is asked in vain");
    let told = text(&middle["error"]);
    assert!(told.contains(&text(&outer["id"])), "{told}");
    for one in [&innermost, &middle] {
        assert_eq!(world.count(one, "execution.cancelled"), 1);
    }
}

fn a_caller_learns_of_an_end_while_hosts_are_killed(tables: Tables) {
    let mut world = chained(tables);
    let outer = world.ask("outer", &payout());
    let [innermost, ..] = until_all_wait(&world, &outer);
    world.answer(&innermost, 0, "approve");
    world.kill();
    world.answer(&innermost, 1, "approve");
    world.until_status(&innermost, "succeeded");
    world.kill();
    let ended = world.until_status(&outer, "succeeded");
    assert_eq!(ended["result"]["released"], 1);
}

#[test]
fn what_a_call_is_denied_for_is_what_its_caller_reads() {
    let world = chained(Tables::Sqlite);
    let outer = world.ask("outer", &payout());
    let [innermost, ..] = until_all_wait(&world, &outer);
    let reply = world.post(&world.agent, &path(&innermost, "/cancel"), &json!({}));
    assert_eq!(reply.json()["status"], "cancelled", "{}", reply.text());
    assert_eq!(world.until_status(&outer, "failed")["error"], "it is cancelled");
}

/// Costly questions that a tool asks are those of who started it: nobody else's tools are refused for them.
#[test]
fn what_a_tool_calls_for_counts_against_its_requester_alone() {
    let more = r#"
[breaker]
failures-max = 3
backoff-ms = 60000
backoff-ms-max = 60000

[[binding]]
name = "notes"
source = "rules.wasm"
match = { action = "inner" }
limits = { fuel = 2_000_000 }
[[binding.settings.rules]]
name = "plain"
effect = "allow"
when = { path = "/action/properties/note", regex = "^(a|b|ab)*$" }

[[tools]]
name = "outer"
source = "relay.wasm"
grants = { tools = ["inner"] }

[[tools]]
name = "inner"
source = "relay.wasm"
grants = { tools = ["payout"] }
"#;
    let relay = ("relay.wasm", guests::bytes("hostile/tool-relay"));
    let world = World::with_more(more, &[relay]);
    let mallory = world.key("mallory", "agent", &[]);
    let ended = |key: &str, subject: &str, note: &str| {
        let mut question = question("outer", &json!({"note": note, "cents": 500}));
        question["subject"]["id"] = subject.into();
        let outer = world.post(key, "/v1/executions", &question).json();
        let ended = world.until_as(key, &path(&outer, ""), |seen| seen["status"] == "failed");
        text(&ended["error"])
    };
    for subject in ["s1", "s2", "s3"] {
        let error = ended(&mallory, subject, &"ab".repeat(20_000));
        assert!(error.contains("out-of-fuel"), "{error}");
    }
    let error = ended(&mallory, "s4", "ab");
    assert!(error.contains("breaker-open"), "{error}");
    let error = ended(&world.agent, "s5", "ab");
    assert!(
        error.contains("\"payee\" is a required"),
        "it was called, and calls on without a payee: {error}"
    );
}
