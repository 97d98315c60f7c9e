//! What is told, and what happens where it is not heard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use standardwebhooks::Webhook;

use crate::receiver::{Answer, Receiver, SECRET, Seen};
use crate::world::{World, text};

const QUESTIONS: &str = r#"["approval.*"]"#;

fn kinds(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(Seen::kind).collect()
}

#[test]
fn what_happens_is_told_in_order_signed_and_without_arguments() {
    let receiver = Receiver::content();
    let world = World::with(&receiver.channel("ops", r#"["*"]"#), SECRET);
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    let expected = [
        "writ.execution.received",
        "writ.execution.decided",
        "writ.execution.awaiting-approval",
        "writ.approval.asked",
        "writ.approval.voted",
        "writ.approval.ended",
        "writ.execution.allowed",
    ];
    let seen = receiver.wait_for(expected.len());
    assert_eq!(kinds(&seen), expected);
    let webhook = Webhook::new(SECRET).unwrap();
    for (place, seen) in seen.iter().enumerate() {
        webhook.verify(&seen.body, &seen.headers).unwrap();
        let event = seen.json();
        assert_eq!(seen.path, "/hook");
        assert_eq!(seen.header("content-type"), "application/cloudevents+json");
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["source"], "urn:writ:tenant:default");
        assert_eq!(event["subject"], asked["id"]);
        assert_eq!(event["id"], seen.header("webhook-id"));
        assert_eq!(event["data"]["sequence"], place + 1);
        let body = String::from_utf8(seen.body.clone()).unwrap();
        // Neither the action that is asked for, nor why Ann agreed. A policy may quote from it.
        assert!(!body.contains("\"properties\"") && !body.contains("\"seen\""), "{body}");
    }
    let question = &seen[3].json()["data"];
    assert_eq!(question["title"], "Pay");
    assert_eq!(question["approvers"], json!(["user:Ann", "group:finance"]));
    assert_eq!(question["approval"], asked["approvals"][0]["id"]);
    let ids: BTreeSet<_> = seen.iter().map(|seen| seen.header("webhook-id")).collect();
    assert_eq!(ids.len(), expected.len());
}

#[test]
fn a_receiver_that_fails_is_asked_again_under_the_same_id() {
    let receiver = Receiver::start(|before, _| match before {
        0 => Answer::Status(500),
        1 => Answer::Never,
        2 => Answer::Status(429),
        _ => Answer::Status(200),
    });
    let world = World::with(&receiver.channel("ops", QUESTIONS), SECRET);
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    let seen = receiver.wait_for(6);
    let ids: Vec<_> = seen.iter().map(|seen| seen.header("webhook-id")).collect();
    assert_eq!(ids[..3], [ids[0]; 3], "one event, tried until it was confirmed");
    assert_eq!(ids[3], ids[0]);
    let told = ["writ.approval.asked", "writ.approval.voted", "writ.approval.ended"];
    assert_eq!(kinds(&seen[3..]), told);
}

#[test]
fn a_dead_receiver_stops_only_its_own_channel() {
    let (dead, good) = (Receiver::start(|_, _| Answer::Never), Receiver::content());
    let channels = dead.channel("dead", QUESTIONS) + &good.channel("good", QUESTIONS);
    let world = World::with(&channels, SECRET);
    dead.wait_for({
        world.ask("pay", 500);
        1
    });
    world.ask("pay", 600);
    good.wait_for(2);
    let first: BTreeSet<_> =
        dead.wait_for(1).iter().map(|seen| seen.header("webhook-id").to_owned()).collect();
    assert_eq!(first.len(), 1, "it is still the first event");
}

#[test]
fn no_redirect_is_followed() {
    let elsewhere = Receiver::content();
    let to = format!("http://{}/elsewhere", elsewhere.address);
    let receiver = Receiver::start(move |before, _| match before {
        0 => Answer::Redirect(to.clone()),
        _ => Answer::Status(200),
    });
    let world = World::with(&receiver.channel("ops", QUESTIONS), SECRET);
    world.ask("pay", 500);
    receiver.wait_for(2);
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn what_was_sent_and_not_confirmed_when_the_host_died_is_sent_again_and_nothing_is_lost() {
    let heals = Arc::new(AtomicBool::new(false));
    let healed = heals.clone();
    let receiver = Receiver::start(move |_, _| match healed.load(Ordering::SeqCst) {
        true => Answer::Status(200),
        false => Answer::Never,
    });
    let mut world = World::with(&receiver.channel("ops", r#"["*"]"#), SECRET);
    world.ask("pay", 500);
    let first = receiver.wait_for(1).remove(0);
    world.server.kill();
    heals.store(true, Ordering::SeqCst);
    world.server.restart();
    world.ask("pay", 600);
    let places = |seen: &[Seen]| -> BTreeSet<_> {
        seen.iter().map(|seen| seen.json()["data"]["sequence"].as_u64().unwrap()).collect()
    };
    let seen = receiver.wait(|seen| places(seen) == (1..=8).collect());
    let again = &seen[1..];
    assert!(again.iter().any(|seen| seen.header("webhook-id") == first.header("webhook-id")));
    let at = |place: u64| seen.iter().rfind(|seen| seen.json()["data"]["sequence"] == place);
    assert_eq!(text(&at(1).unwrap().json()["id"]), first.header("webhook-id"));
}

#[test]
fn a_host_that_stops_gives_its_channels_back_and_goes_on_where_it_was() {
    let receiver = Receiver::content();
    let mut world = World::with(&receiver.channel("ops", QUESTIONS), SECRET);
    world.ask("pay", 500);
    world.ask("pay", 600);
    // The second is sent once it is kept that the first was confirmed.
    let first = receiver.wait_for(2).remove(0);
    world.server.ask_to_stop();
    assert!(world.server.wait().success());
    world.server.restart();
    world.ask("pay", 700);
    let ids = |seen: &[Seen]| -> Vec<_> {
        seen.iter().map(|seen| seen.header("webhook-id").to_owned()).collect()
    };
    let seen = receiver.wait(|seen| ids(seen).into_iter().collect::<BTreeSet<_>>().len() == 3);
    let again = ids(&seen).into_iter().filter(|id| *id == first.header("webhook-id"));
    assert_eq!(again.count(), 1, "what was confirmed is not sent again");
}

#[test]
fn a_channel_is_given_up_once_nobody_tells_it() {
    let receiver = Receiver::content();
    let channel = receiver.channel("ops", QUESTIONS);
    let mut world = World::with(&channel, SECRET);
    world.ask("pay", 500);
    receiver.wait_for(1);
    let operator = world.server.key().to_owned();
    let forget = |world: &World| {
        let reply = world.client(&operator).delete("/v1/channels/ops").unwrap();
        (reply.status, reply.text().to_owned())
    };
    let (status, told) = forget(&world);
    assert_eq!(status, 409, "it is configured: {told}");
    assert!(told.contains("channel-in-use"), "{told}");
    world.server.ask_to_stop();
    assert!(world.server.wait().success());
    let file = world.server.directory().join("writ.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace(&channel, "")).unwrap();
    world.server.restart();
    let listed = world.get(&operator, "/v1/channels");
    assert_eq!(listed["items"][0]["name"], "ops");
    assert_eq!(listed["items"][0]["configured"], false, "{listed}");
    assert_eq!(forget(&world), (204, String::new()));
    assert_eq!(world.get(&operator, "/v1/channels")["items"], serde_json::json!([]));
    assert_eq!(forget(&world).0, 404);
    let verified = world.get(&operator, "/v1/events/verification");
    assert!(verified.get("broken").is_none(), "{verified}");
}
