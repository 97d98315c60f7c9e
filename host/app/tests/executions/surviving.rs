//! Hosts that are killed at the worst moments.

use serde_json::json;

use crate::stream::Stream;
use crate::world::{World, path, problem};

#[test]
fn what_waits_for_people_is_there_after_a_crash() {
    let mut world = World::new();
    let asked = world.ask("pay", 500);
    world.server.kill();
    world.server.restart();
    assert_eq!(world.status(&asked), "awaiting-approval");
    world.approve(&asked);
    world.server.kill();
    world.server.restart();
    assert_eq!(world.status(&asked), "allowed");
    let claimed = world.claim(&asked);
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    world.server.kill();
    world.server.restart();
    assert_eq!(problem(&world.claim(&asked)), (409, "not-now".into()), "no second effect");
    let body = json!({"permit": claimed.json()["permit"], "outcome": "succeeded"});
    let reported = world.post(&world.agent, &path(&asked, "/report"), &body);
    assert_eq!(reported.json()["status"], "succeeded");
}

#[test]
fn who_changes_the_evidence_is_found() {
    let mut world = World::new();
    let asked = world.ask("pay", 500);
    let verify = |world: &World| {
        let reply = world.get(world.server.key(), "/v1/events/verification");
        (reply["events"].as_u64(), reply.get("broken").cloned())
    };
    let (events, broken) = verify(&world);
    assert!(events > Some(0) && broken.is_none(), "{broken:?}");
    world.server.kill();
    let data = world.server.directory().join("data");
    let offline = || {
        let verify = ["audit", "verify", "--data-dir", data.to_str().unwrap()];
        std::process::Command::new(env!("CARGO_BIN_EXE_writ")).args(verify).output().unwrap()
    };
    assert!(offline().status.success());
    // Somebody makes it look as if less had been asked for; in a file that was closed, all is there.
    let file = data.join("writ.db");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, replaced(bytes, b"\"amount\":500", b"\"amount\":100")).unwrap();
    let found = offline();
    assert_eq!(found.status.code(), Some(65));
    let told = String::from_utf8_lossy(&found.stderr);
    let id = asked["id"].as_str().unwrap();
    assert!(told.contains("the evidence is broken") && told.contains(id), "{told}");
    world.server.restart();
    assert!(verify(&world).1.is_some());
}

#[test]
fn one_execution_that_cannot_be_read_stops_time_for_no_other() {
    let mut world = World::new();
    let broken = world.ask("slow", 7_777);
    world.server.ask_to_stop();
    assert!(world.server.wait().success());
    let file = world.server.directory().join("data/writ.db");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, replaced(bytes, b"\"amount\":7777", b"\"amount\"77777")).unwrap();
    world.server.restart();
    let mut stream = Stream::open(&world);
    let asked = world.ask("slow", 1);
    stream.until("execution.expired", asked["id"].as_str().unwrap());
    let shown = world.client(&world.agent).get(&path(&broken, "")).unwrap();
    assert_eq!(shown.status, 503, "{}", shown.text());
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places = bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from);
    let places: Vec<_> = places.map(|(place, _)| place).collect();
    assert!(!places.is_empty() && from.len() == to.len());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}
