//! Who gets letters, how often, and what happens where the relay does not take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mailin::response;
use serde_json::Value;
use writ_testkit::wait;

use crate::relay::Relay;
use crate::site::{channel, open, world};
use crate::world::{World, problem, text};

fn dead_letters(world: &World, count: usize) -> Vec<Value> {
    wait::until(Duration::from_secs(60), || {
        let found = world.get(world.server.key(), "/v1/dead-letters")["items"].clone();
        let found = found.as_array().unwrap().clone();
        if found.len() == count { Ok(found) } else { Err(format!("{found:#?}")) }
    })
}

fn redeliver(world: &World, letter: &Value) -> writ_testkit::http::Reply {
    let path = format!("/v1/dead-letters/{}/redeliver", text(&letter["id"]));
    world.post(world.server.key(), &path, &Value::Null)
}

#[test]
fn each_who_is_asked_gets_a_letter_of_their_own_without_arguments() {
    let relay = Relay::content();
    let world = world(&relay);
    world.ask("pay", 4_321);
    let letters = relay.wait_for(2);
    assert_ne!(letters[0].link(), letters[1].link());
    for letter in &letters {
        assert_eq!(letter.header("To"), letter.to);
        assert_eq!(letter.header("From"), "Writ <writ@example.com>");
        assert_eq!(letter.header("Subject"), "Approval asked: Pay");
        assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
        assert!(letter.text.contains("> Pay\r\n"), "{}", letter.text);
        assert!(letter.text.contains("must give a reason"), "{}", letter.text);
        assert!(!letter.text.contains("\"properties\""), "{}", letter.text);
    }
    assert_ne!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
    // What letters hold is kept nowhere, but as a digest.
    for letter in &letters {
        let secret = letter.link()["/answer/".len()..].to_owned();
        for name in ["writ.db", "writ.db-wal"] {
            let kept = std::fs::read(world.server.directory().join("data").join(name)).unwrap();
            let mut windows = kept.windows(secret.len());
            assert!(!windows.any(|window| window == secret.as_bytes()), "{name}");
        }
    }
    let metrics = world.client(world.server.key()).get("/metrics").unwrap();
    assert!(!metrics.text().contains("example.com"), "{}", metrics.text());
}

#[test]
fn what_is_refused_for_one_reaches_the_others_and_only_that_is_sent_again() {
    let refuses = Arc::new(AtomicBool::new(true));
    let answers = refuses.clone();
    let relay = Relay::start(move |_, to| match to {
        "ann@example.com" if answers.load(Ordering::SeqCst) => response::NO_MAILBOX,
        _ => response::OK,
    });
    let world = world(&relay);
    let asked = world.ask("pay", 500);
    assert_eq!(relay.wait_for(1)[0].to, "bob@example.com");
    let dead = dead_letters(&world, 1).remove(0);
    assert_eq!((&dead["attempts"], &dead["channel"]), (&1.into(), &"letters".into()));
    let error = text(&dead["error"]);
    assert_eq!(error, "1 of 2 letters were not taken: the relay answers 550");

    assert_eq!(problem(&redeliver(&world, &dead)), (502, "not-delivered".into()));
    refuses.store(false, Ordering::SeqCst);
    let confirmed = redeliver(&world, &dead);
    assert_eq!(confirmed.status, 200, "{}", confirmed.text());
    dead_letters(&world, 0);
    let letters = relay.wait_for(2);
    assert_eq!(letters[0].to, "ann@example.com");
    assert_eq!(open(&world, &letters[0].link()).status, 200);
    let offers = relay.wait_for_offers(4);
    let to_bob = offers.iter().filter(|to| *to == "bob@example.com").count();
    assert_eq!((offers.len(), to_bob), (4, 1), "what was taken is not sent again: {offers:?}");
    world.approve(&asked);
}

#[test]
fn what_the_relay_does_not_take_for_now_is_sent_again_to_those_alone() {
    let relay = Relay::start(|before, to| match (before, to) {
        (0 | 1, "bob@example.com") => response::NO_SERVICE,
        _ => response::OK,
    });
    let world = world(&relay);
    world.ask("pay", 500);
    let letters = relay.wait_for(2);
    assert_eq!(letters.len(), 2);
    let offers = relay.wait_for_offers(4);
    assert_eq!(offers.iter().filter(|to| *to == "ann@example.com").count(), 1, "{offers:?}");
    // The channel goes on behind it.
    world.ask("pay", 600);
    relay.wait_for(4);
    dead_letters(&world, 0);
}

/// Whose mailbox takes nothing for now has the channel's turn; others do not wait for it.
#[test]
fn a_mailbox_that_takes_nothing_for_now_holds_up_nobody_else() {
    let is_full = Arc::new(AtomicBool::new(true));
    let answers = is_full.clone();
    let relay = Relay::start(move |_, to| match to {
        "ann@example.com" if answers.load(Ordering::SeqCst) => response::NO_SERVICE,
        _ => response::OK,
    });
    let channel = channel(&relay, "attempts-max = 100\nbackoff-ms-max = 1000\n");
    let world = World::with(&channel.replace("backoff-ms = 10\n", "backoff-ms = 500\n"), "");
    for (count, amount) in [500, 600, 700].into_iter().enumerate() {
        world.ask("pay", amount);
        let letters = relay.wait_for(count + 1);
        assert!(letters.iter().all(|letter| letter.to == "bob@example.com"), "{letters:?}");
    }
    // Once it takes letters again, each event has its turn, and what was taken is not sent again.
    is_full.store(false, Ordering::SeqCst);
    let letters = relay.wait_for(6);
    let to_bob = letters.iter().filter(|letter| letter.to == "bob@example.com");
    assert_eq!((letters.len(), to_bob.count()), (6, 3), "{letters:?}");
    dead_letters(&world, 0);
}

#[test]
fn a_relay_that_is_not_there_leaves_a_dead_letter_that_asks_nobody_who_need_not_be_asked() {
    let relay = Relay::content();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let channel = channel(&relay, "attempts-max = 2\n")
        .replace(&relay.address.to_string(), &gone.to_string());
    let mut world = World::with(&channel, "");
    let asked = world.ask("pay", 500);
    let dead = dead_letters(&world, 1).remove(0);
    assert_eq!(dead["attempts"], 2);
    assert!(text(&dead["error"]).contains("cannot be reached"), "{dead}");
    world.approve(&asked);
    world.server.kill();
    let file = world.server.directory().join("writ.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace(&gone.to_string(), &relay.address.to_string())).unwrap();
    world.server.restart();
    assert_eq!(redeliver(&world, &dead).status, 200);
    world.ask("pay", 600);
    assert_eq!(relay.wait_for_offers(2).len(), 2, "nobody is asked what was answered");
}

#[test]
fn without_tls_nothing_is_sent_where_tls_is_wanted() {
    let relay = Relay::content();
    let channel = channel(&relay, "attempts-max = 1\n").replace("tls = \"none\"\n", "");
    let world = World::with(&channel, "");
    world.ask("pay", 500);
    let dead = dead_letters(&world, 1).remove(0);
    assert!(text(&dead["error"]).contains("STARTTLS"), "{dead}");
    assert_eq!(relay.wait_for_offers(0), [] as [String; 0]);
}

#[test]
fn the_relay_learns_who_sends_and_a_wrong_secret_is_a_dead_letter() {
    let relay = Relay::guarded();
    let channel = channel(&relay, "user = \"writ\"\nsecret-file = \"secret\"\n");
    let mut world = World::with(&channel, "open sesame\n");
    world.ask("pay", 500);
    relay.wait_for(2);
    let right = ("writ".to_owned(), "open sesame".to_owned());
    assert!(relay.users().iter().all(|user| *user == right), "{:?}", relay.users());
    world.server.kill();
    std::fs::write(world.server.directory().join("secret"), "wrong").unwrap();
    world.server.restart();
    world.ask("pay", 600);
    let dead = dead_letters(&world, 1).remove(0);
    assert!(text(&dead["error"]).contains("the relay answers 535"), "{dead}");
    assert!(!text(&dead["error"]).contains("wrong"), "{dead}");
}
