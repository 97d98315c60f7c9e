//! Dead letters: listed, sent again, and gone when they were heard.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::Value;
use writ_testkit::wait;

use crate::receiver::{Answer, Receiver, SECRET};
use crate::world::{World, problem, text};

fn letters(world: &World) -> Vec<Value> {
    world.get(world.server.key(), "/v1/dead-letters")["items"].as_array().unwrap().clone()
}

fn wait_for_letters(world: &World, count: usize) -> Vec<Value> {
    wait::until(Duration::from_secs(60), || {
        let found = letters(world);
        if found.len() >= count { Ok(found) } else { Err(format!("only these: {found:#?}")) }
    })
}

fn cli(world: &World, arguments: &[&str]) -> String {
    let server = format!("http://{}", world.server.address());
    let output = Command::new(env!("CARGO_BIN_EXE_writ"))
        .arg("dead-letters")
        .args(arguments)
        .args(["--server", &server])
        .env("WRIT_KEY", world.server.key())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_receiver_refuses_is_a_dead_letter_until_it_was_sent_again() {
    let status = Arc::new(AtomicU16::new(410));
    let answers = status.clone();
    let receiver = Receiver::start(move |_, _| Answer::Status(answers.load(Ordering::SeqCst)));
    let world = World::with(&receiver.channel("ops", r#"["approval.asked"]"#), SECRET);
    world.ask("pay", 500);
    let letter = wait_for_letters(&world, 1).remove(0);
    assert_eq!(receiver.count(), 1, "another attempt could not succeed");
    assert_eq!(letter["channel"], "ops");
    assert_eq!(letter["attempts"], 1);
    assert!(text(&letter["error"]).contains("410"), "{letter}");

    let id = text(&letter["id"]);
    let redeliver = format!("/v1/dead-letters/{id}/redeliver");
    let key = world.server.key().to_owned();
    let refused = world.post(&key, &redeliver, &Value::Null);
    assert_eq!(problem(&refused), (502, "not-delivered".into()));
    assert_eq!(letters(&world)[0]["attempts"], 2);
    assert!(cli(&world, &["list"]).contains(&id));

    status.store(200, Ordering::SeqCst);
    // The channel is past it already.
    world.ask("pay", 600);
    receiver.wait_for(3);
    assert!(cli(&world, &["redeliver", &id]).contains("confirmed"));
    let seen = receiver.wait_for(4);
    assert_eq!(seen[3].header("webhook-id"), seen[0].header("webhook-id"));
    assert_eq!(seen[3].body, seen[0].body);
    assert_eq!(letters(&world), [] as [Value; 0]);
    assert_eq!(problem(&world.post(&key, &redeliver, &Value::Null)), (404, "not-found".into()));
}

#[test]
fn attempts_end_and_leave_a_dead_letter() {
    let receiver = Receiver::start(|_, _| Answer::Status(503));
    let channel = receiver.channel("ops", r#"["approval.asked"]"#) + "attempts-max = 3\n";
    let mut world = World::with(&channel, SECRET);
    world.ask("pay", 500);
    let letter = wait_for_letters(&world, 1).remove(0);
    assert_eq!(letter["attempts"], 3);
    assert_eq!(receiver.count(), 3);
    // It is there after a crash, and the event is not told by itself any more.
    world.server.kill();
    world.server.restart();
    assert_eq!(wait_for_letters(&world, 1), [letter]);
    for figure in [
        "writ_dead_letters 1",
        "writ_channel_untold_events{channel=\"ops\"} 0",
        "writ_executions{status=\"awaiting-approval\"} 1",
    ] {
        wait::until(Duration::from_secs(60), || {
            let page = world.client(world.server.key()).get("/metrics").unwrap();
            let is_there = page.text().lines().any(|line| line == figure);
            if is_there { Ok(()) } else { Err(format!("{figure}: {}", page.text())) }
        });
    }
}
