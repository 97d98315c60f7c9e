//! What breaks: called again where that can do no harm, otherwise unknown and a dead letter.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::Paid;
use crate::receiver::{Answer, Receiver, SECRET};
use crate::world::{World, path, question, text};
use writ_testkit::guests;

fn letters(world: &World) -> Vec<Value> {
    world.get(world.server.key(), "/v1/dead-letters")["items"].as_array().unwrap().clone()
}

#[test]
fn what_breaks_off_is_unknown_and_an_operator_sends_it_again() {
    let paid = Paid::new("", |before, _| match before {
        0 => Answer::Gone,
        _ => Answer::Body("1"),
    });
    let asked = paid.ask(50);
    let unknown = paid.world.until_status(&asked, "unknown");
    assert!(!text(&unknown["error"]).is_empty());
    assert_eq!(paid.receiver.count(), 1, "nobody knows whether it was done");
    let [letter] = &letters(&paid.world)[..] else { panic!("one letter") };
    assert_eq!((&letter["id"], &letter["endpoint"]), (&asked["id"], &json!("pay")));
    assert_eq!(letter["attempts"], 1);

    let cli = Command::new(env!("CARGO_BIN_EXE_writ"))
        .args(["dead-letters", "redeliver", &text(&asked["id"])])
        .args(["--server", &format!("http://{}", paid.world.server.address())])
        .env("WRIT_KEY", paid.world.server.key())
        .output()
        .unwrap();
    assert!(cli.status.success(), "{}", String::from_utf8_lossy(&cli.stderr));
    let done = paid.world.until_status(&asked, "succeeded");
    assert_eq!(done["result"], json!(1));
    let seen = paid.receiver.wait_for(2);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(letters(&paid.world), [] as [Value; 0]);
    let events = paid.events(&asked);
    let again = events.iter().position(|kind| kind == "execution.sent-again").unwrap();
    assert_eq!(events[again - 1], "execution.unknown");
}

#[test]
fn what_an_operator_resolves_is_no_letter_any_more() {
    let paid = Paid::new("", |_, _| Answer::Status(500));
    let asked = paid.ask(50);
    paid.world.until_status(&asked, "unknown");
    assert_eq!(letters(&paid.world).len(), 1);
    let key = paid.world.server.key();
    let resolved = paid.world.post(
        key,
        &path(&asked, "/resolve"),
        &json!({"outcome": "succeeded", "result": 2}),
    );
    assert_eq!(resolved.status, 200, "{}", resolved.text());
    assert_eq!(letters(&paid.world), [] as [Value; 0]);
    let again = format!("/v1/dead-letters/{}/redeliver", text(&asked["id"]));
    assert_eq!(paid.world.post(key, &again, &Value::Null).status, 404);
}

#[test]
fn an_idempotent_endpoint_is_called_again_under_one_id() {
    let paid = Paid::new("idempotent = true\n", |before, _| match before {
        0 => Answer::Gone,
        1 => Answer::Status(503),
        2 => Answer::Status(429),
        _ => Answer::Body("\"paid\""),
    });
    let done = paid.world.until_status(&paid.ask(50), "succeeded");
    assert_eq!(done["result"], "paid");
    let seen = paid.receiver.wait_for(4);
    assert_eq!(seen.len(), 4);
    for one in &seen {
        assert_eq!(one.header("idempotency-key"), format!("\"{}\"", text(&done["id"])));
    }
}

#[test]
fn a_refusal_does_not_tell_what_became_of_the_call_before_it() {
    let paid = Paid::new("idempotent = true\n", |before, _| match before {
        0 => Answer::Gone,
        1 => Answer::Words(409, "the card 4111 is known"),
        _ => Answer::Body("\"paid\""),
    });
    let done = paid.world.until_status(&paid.ask(50), "succeeded");
    assert_eq!(done["result"], "paid");
    assert_eq!(paid.receiver.wait_for(3).len(), 3);
    // What it says may repeat arguments, and events hold none.
    let events = paid.world.get(&paid.world.agent, &path(&done, "/events")).to_string();
    assert!(events.contains("409") && !events.contains("4111"), "{events}");
}

#[test]
fn what_a_tool_called_is_sent_again_though_its_caller_has_ended() {
    let receiver = Receiver::start(|before, _| match before {
        0 => Answer::Gone,
        _ => Answer::Body("1"),
    });
    let relay =
        "\n[[tools]]\nname = \"relay\"\nsource = \"relay.wasm\"\ngrants = { tools = [\"pay\"] }\n";
    let beside = [
        ("secret", SECRET.as_bytes().to_vec()),
        ("relay.wasm", guests::bytes("hostile/tool-relay")),
    ];
    let world = World::with_files(&(receiver.endpoint("pay") + relay), &beside);
    let mut body = question("relay", 50);
    body["tool"] = "relay".into();
    let caller = world.post(&world.agent, "/v1/executions", &body).json();
    world.until_status(&caller, "unknown");
    let [letter] = &letters(&world)[..] else { panic!("one letter") };
    let again = format!("/v1/dead-letters/{}/redeliver", text(&letter["id"]));
    assert_eq!(world.post(world.server.key(), &again, &Value::Null).status, 202);
    assert_eq!(world.until_status(letter, "succeeded")["result"], json!(1));
    assert_eq!(receiver.wait_for(2).len(), 2);
}

#[test]
fn a_refusal_of_what_is_sent_again_leaves_it_unknown() {
    let paid = Paid::new("", |before, _| match before {
        0 => Answer::Gone,
        _ => Answer::Status(409),
    });
    let asked = paid.ask(50);
    paid.world.until_status(&asked, "unknown");
    let again = format!("/v1/dead-letters/{}/redeliver", text(&asked["id"]));
    assert_eq!(paid.world.post(paid.world.server.key(), &again, &Value::Null).status, 202);
    paid.receiver.wait_for(2);
    let unknown = paid.world.until_status(&asked, "unknown");
    assert!(text(&unknown["error"]).contains("409"), "{unknown}");
}

#[test]
fn attempts_end() {
    let paid = Paid::new("idempotent = true\nattempts-max = 3\n", |_, _| Answer::Status(500));
    let asked = paid.ask(50);
    let unknown = paid.world.until_status(&asked, "unknown");
    assert!(text(&unknown["error"]).contains("500"), "{unknown}");
    assert_eq!(paid.receiver.wait_for(3).len(), 3);
    assert_eq!(letters(&paid.world)[0]["attempts"], 3);
}

#[test]
fn what_was_never_sent_waits_and_can_be_called_off() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "\n[[endpoint]]\nname = \"pay\"\nurl = \"http://{free}/charge\"\nsecret-file = \"secret\"\n\
         backoff-ms = 60000\nbackoff-ms-max = 60000\n"
    );
    let world = World::with(&config, SECRET);
    let paid = Paid { world, receiver: Receiver::content() };
    let asked = paid.ask(50);
    let waiting = paid.world.until_status(&asked, "suspended");
    assert!(!text(&waiting["error"]).contains(&free.to_string()), "{waiting}");
    let cancelled = paid.world.post(&paid.world.agent, &path(&asked, "/cancel"), &json!({}));
    assert_eq!(cancelled.json()["status"], "cancelled", "it was never sent");
}

#[test]
fn a_call_in_which_a_host_died_is_unknown() {
    let mut paid = Paid::new("", |_, _| Answer::Never);
    let once = paid.ask(50);
    paid.receiver.wait_for(1);
    paid.world.server.kill();
    paid.world.server.restart();
    paid.world.until_status(&once, "unknown");
    assert_eq!(paid.receiver.count(), 1, "it is not called again");
}

#[test]
fn a_call_that_takes_longer_than_a_stop_may_is_unknown() {
    let mut paid = Paid::new("[server]\ndrain-timeout-ms = 0\n", |_, _| Answer::Never);
    let once = paid.ask(50);
    paid.receiver.wait_for(1);
    paid.world.server.ask_to_stop();
    assert!(paid.world.server.wait().success());
    paid.world.server.restart();
    let unknown = paid.world.until_status(&once, "unknown");
    assert_eq!(unknown["error"], Value::Null, "nobody waited for its end");
}

#[test]
fn what_can_be_repeated_is_taken_over_from_a_host_that_died() {
    let mut paid = Paid::new("idempotent = true\n", |before, _| match before {
        0 => Answer::Never,
        _ => Answer::Body("2"),
    });
    let asked = paid.ask(50);
    paid.receiver.wait_for(1);
    paid.world.server.kill();
    paid.world.server.restart();
    assert_eq!(paid.world.until_status(&asked, "succeeded")["result"], json!(2));
    assert_eq!(paid.receiver.count(), 2);
}

#[test]
fn a_call_to_an_endpoint_that_is_another_now_is_unknown_and_a_letter() {
    let soon = "idempotent = true\n[worker]\nchanged-after-ms = 300\n\
                [server]\ndrain-timeout-ms = 0\n";
    let mut paid = Paid::new(soon, |_, _| Answer::Never);
    let asked = paid.ask(50);
    paid.receiver.wait_for(1);
    paid.world.server.ask_to_stop();
    assert!(paid.world.server.wait().success());
    let config = paid.world.server.directory().join("writ.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    std::fs::write(config, before.replace("/charge", "/pay")).unwrap();
    paid.world.server.restart();
    let unknown = paid.world.until_status(&asked, "unknown");
    assert!(text(&unknown["error"]).contains("what was allowed is"), "{unknown}");
    assert_eq!(letters(&paid.world)[0]["id"], asked["id"]);
    let again = format!("/v1/dead-letters/{}/redeliver", text(&asked["id"]));
    let refused = paid.world.post(paid.world.server.key(), &again, &Value::Null);
    assert_eq!(refused.status, 409, "nobody would be called: {}", refused.text());
    assert_eq!(letters(&paid.world).len(), 1);
}
