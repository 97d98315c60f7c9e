//! Carrying actions out: once, and nothing but what was allowed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::stream::Stream;
use crate::world::{CONFIG, World, path, problem, question, text};
use writ_testkit::{guests, wait};

#[test]
fn what_is_allowed_is_claimed_carried_out_and_reported() {
    let world = World::new();
    let small = world.ask("pay", 20);
    assert_eq!(small["status"], "allowed");
    let claimed = world.claim(&small);
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    let body =
        json!({"permit": claimed.json()["permit"], "outcome": "succeeded", "result": {"n": 1}});
    let reported = world.post(&world.agent, &path(&small, "/report"), &body).json();
    assert_eq!((&reported["status"], &reported["result"]), (&json!("succeeded"), &json!({"n": 1})));
    let mut with_another = body.clone();
    with_another["permit"] = json!("permit_of_nothing");
    // What changes nothing needs no permit.
    for body in [&body, &with_another] {
        let again = world.post(&world.agent, &path(&small, "/report"), body);
        let again = (again.status, again.json());
        assert_eq!(again, (200, reported.clone()), "the answer may have been lost");
    }
    let others = [
        json!({"outcome": "succeeded", "result": {"n": 2}}),
        json!({"outcome": "failed", "error": "no"}),
    ];
    for mut other in others {
        other["permit"] = body["permit"].clone();
        let refused = world.post(&world.agent, &path(&small, "/report"), &other);
        assert_eq!(problem(&refused), (409, "not-now".into()));
    }
}

#[test]
fn one_approval_gives_one_effect() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let mut client = world.client(&world.agent);
            let (path, body) =
                (path(&asked, "/claim"), json!({"digest": asked["digest"]}).to_string());
            std::thread::spawn(move || client.post(&path, &body).unwrap())
        })
        .collect();
    let replies: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let granted = replies.iter().filter(|reply| reply.status == 200).count();
    let refused = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!((granted, refused), (1, 15));
}

#[test]
fn approved_500_and_carried_out_999999_is_impossible() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    let action = |amount: u64| json!({"action": {"name": "pay", "properties": {"amount": amount}}});
    let other = world.post(&world.agent, &path(&asked, "/claim"), &action(999_999));
    assert_eq!(problem(&other), (409, "action-changed".into()));
    assert_eq!(world.status(&asked), "allowed");
    assert_eq!(world.post(&world.agent, &path(&asked, "/claim"), &action(500)).status, 200);
}

/// Has the world decide by another configuration.
fn reload(world: &World, config: &str) {
    std::fs::write(world.server.directory().join("writ.toml"), config).unwrap();
    let reloaded = world.post(world.server.key(), "/v1/policies/reload", &json!({}));
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
}

#[test]
fn what_was_counted_at_once_is_not_counted_again_once_people_had_to_agree() {
    let world = World::new();
    let small = world.ask("pay", 20);
    assert_eq!(small["status"], "allowed");
    reload(&world, &CONFIG.replace("min = 100", "min = 1").replace("lt = 100", "lt = 60000"));
    assert_eq!(problem(&world.claim(&small)), (409, "decided-otherwise".into()));
    let asked = world.get(&world.agent, &path(&small, ""));
    assert_eq!(asked["status"], "awaiting-approval");
    world.approve(&asked);
    assert_eq!(world.claim(&small).status, 200);
    assert_eq!(world.ask("transfer", 49_981)["status"], "denied");
    assert_eq!(world.ask("transfer", 49_980)["status"], "allowed");
}

#[test]
fn what_people_agreed_to_is_spent_when_it_begins() {
    const WINDOW_SECONDS: u64 = 8;
    let world = World::new();
    let limit = format!("limit = 50000\nwindow-seconds = {WINDOW_SECONDS}");
    reload(&world, &CONFIG.replace("limit = 50000", &limit).replace("lt = 100", "lt = 60000"));
    let window = || {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since_epoch.as_secs() / WINDOW_SECONDS
    };
    let asked = world.ask("pay", 30_000);
    let asked_in = window();
    world.approve(&asked);
    wait::until(Duration::from_secs(60), || match window() == asked_in {
        true => Err("the window in which it was asked for is open".to_owned()),
        false => Ok(()),
    });
    assert_eq!(world.claim(&asked).status, 200);
    assert_eq!(world.ask("transfer", 30_000)["status"], "denied");
    assert_eq!(world.ask("transfer", 20_000)["status"], "allowed");
}

#[test]
fn what_was_allowed_at_once_is_decided_again_by_a_set_that_came_since() {
    let world = World::new();
    let (small, smaller) = (world.ask("pay", 20), world.ask("pay", 5));
    let change = |below: u32| reload(&world, &CONFIG.replace("lt = 100", &format!("lt = {below}")));
    change(10);
    assert_eq!(problem(&world.claim(&small)), (409, "decided-otherwise".into()));
    assert_eq!(world.status(&small), "denied");
    assert_eq!(world.claim(&smaller).status, 200, "the other set lets it begin, too");
    // All that was allowed was counted then, and once: 25 of 50,000, not 30.
    change(60_000);
    assert_eq!(world.ask("transfer", 49_976)["status"], "denied");
    assert_eq!(world.ask("transfer", 49_975)["status"], "allowed");
}

#[test]
fn policies_are_asked_again_when_an_approved_action_begins() {
    let world = World::new();
    // Each fits the budget of 50,000, both do not. Only what begins is spent.
    let (first, second) = (world.ask("pay", 30_000), world.ask("pay", 30_000));
    for asked in [&first, &second] {
        assert_eq!(asked["status"], "awaiting-approval");
        world.approve(asked);
    }
    assert_eq!(world.claim(&second).status, 200);
    assert_eq!(problem(&world.claim(&first)), (409, "decided-otherwise".into()));
    let denied = world.get(&world.agent, &path(&first, ""));
    assert_eq!(denied["status"], "denied");
    assert_eq!(denied["denial"]["reasons"][0]["binding"], "budget");
}

#[test]
fn a_lease_that_runs_out_is_unknown_until_somebody_tells() {
    let world = World::new();
    let mut stream = Stream::open(&world);
    let claim = |amount| -> (Value, Value) {
        let allowed = world.ask("pay", amount);
        let body = json!({"digest": allowed["digest"], "lease_seconds": 1});
        let claimed = world.post(&world.agent, &path(&allowed, "/claim"), &body);
        (allowed, claimed.json()["permit"].clone())
    };
    let (late, permit) = claim(10);
    let (lost, _) = claim(11);
    stream.until_each("execution.unknown", [&late, &lost].map(|it| it["id"].as_str().unwrap()));
    for execution in [&late, &lost] {
        assert_eq!(problem(&world.claim(execution)), (409, "not-now".into()), "never begun again");
    }
    let body = json!({"permit": permit, "outcome": "succeeded"});
    assert_eq!(world.post(&world.agent, &path(&late, "/report"), &body).status, 200);
    let body = json!({"outcome": "failed", "error": "the bank has no trace of it"});
    let by_agent = world.post(&world.agent, &path(&lost, "/resolve"), &body);
    assert_eq!(problem(&by_agent), (403, "forbidden".into()));
    let resolved = world.post(world.server.key(), &path(&lost, "/resolve"), &body);
    assert_eq!(resolved.json()["status"], "failed");
}

#[test]
fn a_key_makes_one_execution() {
    let world = World::new();
    let send = |key: &str, amount: u64| {
        let body = question("pay", amount).to_string();
        world.client(&world.agent).post_with("/v1/executions", &[("Idempotency-Key", key)], &body)
    };
    let (first, again) = (send("k1", 20).unwrap(), send("k1", 20).unwrap());
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(problem(&send("k1", 21).unwrap()), (422, "idempotency-key-reused".into()));
    assert_ne!(first.json()["id"], send("k2", 20).unwrap().json()["id"]);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (mut client, body) = (world.client(&world.agent), question("pay", 1).to_string());
            std::thread::spawn(move || {
                let sent = client.post_with("/v1/executions", &[("Idempotency-Key", "k3")], &body);
                text(&sent.unwrap().json()["id"])
            })
        })
        .collect();
    let mut ids: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn what_has_not_begun_can_be_called_off() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    let cancel = |key: &str| world.post(key, &path(&asked, "/cancel"), &json!({"reason": "no"}));
    assert_eq!(problem(&cancel(&world.ann)), (403, "forbidden".into()));
    assert_eq!(cancel(&world.agent).json()["status"], "cancelled");
    let other = world.post(&world.agent, &path(&asked, "/cancel"), &json!({"reason": "late"}));
    assert_eq!(problem(&other), (409, "not-now".into()), "it was called off for another reason");
    let answer = world.answer(&world.ann, &asked, json!({"decision": "approve", "reason": "seen"}));
    assert_eq!(problem(&answer), (409, "approval-ended".into()));
    let long = json!({"reason": "x".repeat(2_001)});
    let refused = world.post(&world.agent, &path(&world.ask("pay", 500), "/cancel"), &long);
    assert_eq!(problem(&refused), (400, "invalid-request".into()));
    // Nobody has to say why, nor to send a body that says nothing.
    let mut client = world.client(&world.agent);
    let head = client.head("POST", &path(&world.ask("pay", 500), "/cancel"));
    let called_off = client.send(&format!("{head}Content-Length: 0\r\n"), b"").unwrap();
    assert_eq!((called_off.status, &called_off.json()["status"]), (200, &json!("cancelled")));
}

#[test]
fn another_agents_execution_is_not_there() {
    let world = World::new();
    let small = world.ask("pay", 20);
    let body = json!({"name": "other", "roles": ["agent"]});
    let other = text(&world.post(world.server.key(), "/v1/keys", &body).json()["key"]);
    let seen = world.client(&other).get(&path(&small, "")).unwrap();
    assert_eq!(problem(&seen), (404, "no-such-execution".into()));
    let claimed = world.post(&other, &path(&small, "/claim"), &json!({"digest": small["digest"]}));
    assert_eq!(problem(&claimed), (404, "no-such-execution".into()));
    assert_eq!(world.get(&other, "/v1/executions")["items"], json!([]));
    assert_eq!(world.get(world.server.key(), "/v1/executions")["items"][0]["id"], small["id"]);
}

#[test]
fn a_policy_that_gives_no_verdict_at_the_claim_costs_no_approval() {
    let mut world = World::new();
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    let restart = |world: &mut World, config: &str| {
        world.server.kill();
        std::fs::write(world.server.directory().join("writ.toml"), config).unwrap();
        world.server.restart();
    };
    let panics = guests::bytes("hostile/panic");
    std::fs::write(world.server.directory().join("panic.wasm"), panics).unwrap();
    let with_panic = format!("{CONFIG}\n[[binding]]\nname = \"panics\"\nsource = \"panic.wasm\"\n");
    let before = std::fs::read_to_string(world.server.directory().join("writ.toml")).unwrap();
    restart(&mut world, &before.replace(CONFIG, &with_panic));
    assert_eq!(problem(&world.claim(&asked)), (503, "no-verdict".into()));
    assert_eq!(world.status(&asked), "allowed");
    restart(&mut world, &before);
    assert_eq!(world.claim(&asked).status, 200);
}
