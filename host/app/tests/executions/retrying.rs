//! Doing once more what came to nothing, and nothing else.

use serde_json::{Value, json};
use writ_testkit::http::Reply;

use crate::world::{World, path, problem, text};

fn retry(world: &World, key: &str, execution: &Value) -> Reply {
    world.post(key, &path(execution, "/retry"), &json!({}))
}

/// Begins it, and says that it failed.
fn fail(world: &World, execution: &Value) {
    let claimed = world.claim(execution);
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    let body = json!({"permit": claimed.json()["permit"], "outcome": "failed", "error": "refused"});
    let reported = world.post(&world.agent, &path(execution, "/report"), &body);
    assert_eq!(reported.status, 200, "{}", reported.text());
}

fn kinds(world: &World, execution: &Value) -> Vec<String> {
    let events = world.get(&world.agent, &path(execution, "/events"));
    events["items"].as_array().unwrap().iter().map(|event| text(&event["kind"])).collect()
}

#[test]
fn what_failed_is_done_once_more_by_another_execution_that_people_agree_to_anew() {
    let world = World::new();
    let asked = world.ask("pay", 500);
    world.approve(&asked);
    fail(&world, &asked);
    let retried = retry(&world, &world.agent, &asked);
    assert_eq!(retried.status, 202, "{}", retried.text());
    let retried = retried.json();
    assert_ne!(retried["id"], asked["id"]);
    assert_eq!((&retried["retry_of"], &retried["digest"]), (&asked["id"], &asked["digest"]));
    assert_eq!(retried["status"], "awaiting-approval", "the old approval is used up");
    assert_eq!(kinds(&world, &asked).last().unwrap(), "execution.retried");
    let told = world.get(&world.agent, &path(&retried, "/events"));
    assert_eq!(told["items"][0]["kind"], "execution.received");
    assert_eq!(told["items"][0]["retry_of"], asked["id"]);
    // Again, by whomever: it is retried once, and its retry is in its turn.
    for key in [&world.agent, world.server.key()] {
        assert_eq!(retry(&world, key, &asked).json()["id"], retried["id"]);
    }
    assert_eq!(problem(&retry(&world, &world.agent, &retried)), (409, "not-now".into()));
    world.approve(&retried);
    fail(&world, &retried);
    let third = retry(&world, &world.agent, &retried).json();
    assert_eq!(third["retry_of"], retried["id"]);
    let whole = world.get(world.server.key(), "/v1/events/verification");
    assert_eq!(whole["executions"], 3, "{whole}");
}

#[test]
fn of_16_who_retry_at_once_all_get_the_same_execution() {
    let world = World::new();
    let asked = world.ask("pay", 20);
    fail(&world, &asked);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (mut client, path) = (world.client(&world.agent), path(&asked, "/retry"));
            std::thread::spawn(move || client.post(&path, "{}").unwrap())
        })
        .collect();
    let replies = threads.into_iter().map(|thread| thread.join().unwrap());
    let mut ids: Vec<_> = replies.map(|reply| text(&reply.json()["id"])).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[test]
fn what_expired_is_retried_and_what_came_to_something_is_not() {
    let world = World::new();
    let slow = world.ask("slow", 500);
    world.until_status(&slow, "expired");
    assert_eq!(retry(&world, &world.agent, &slow).json()["status"], "awaiting-approval");
    let small = world.ask("pay", 20);
    let refused = retry(&world, &world.agent, &small);
    assert_eq!(problem(&refused), (409, "not-now".into()));
    let lease = json!({"digest": small["digest"], "lease_seconds": 1});
    assert_eq!(world.post(&world.agent, &path(&small, "/claim"), &lease).status, 200);
    world.until_status(&small, "unknown");
    let refused = retry(&world, &world.agent, &small);
    assert_eq!(problem(&refused), (409, "not-now".into()));
    assert!(text(&refused.json()["hint"]).contains("resolve it first"), "{}", refused.text());
    let not_done = json!({"outcome": "failed", "error": "it was never sent"});
    let resolve = path(&small, "/resolve");
    assert_eq!(world.post(world.server.key(), &resolve, &not_done).status, 200);
    assert_eq!(retry(&world, &world.agent, &small).status, 201);
    let done = world.ask("pay", 20);
    let permit = world.claim(&done).json()["permit"].clone();
    let body = json!({"permit": permit, "outcome": "succeeded"});
    assert_eq!(world.post(&world.agent, &path(&done, "/report"), &body).status, 200);
    assert_eq!(problem(&retry(&world, &world.agent, &done)), (409, "not-now".into()));
}

#[test]
fn nobody_retries_what_is_not_theirs_and_who_does_may_not_agree() {
    let world = World::new();
    let asked = world.ask("pay", 20);
    fail(&world, &asked);
    let key = |body: &Value| {
        let made = world.post(world.server.key(), "/v1/keys", body);
        assert_eq!(made.status, 201, "{}", made.text());
        text(&made.json()["key"])
    };
    let other = key(&json!({"name": "other", "roles": ["agent"]}));
    assert_eq!(problem(&retry(&world, &other, &asked)), (404, "no-such-execution".into()));
    assert_eq!(problem(&retry(&world, &world.ann, &asked)), (403, "forbidden".into()));
    // An operator who is asked as well.
    let boss =
        key(&json!({"name": "boss", "roles": ["operator", "approver"], "groups": ["finance"]}));
    let large = world.ask("pay", 500);
    world.approve(&large);
    fail(&world, &large);
    let retried = retry(&world, &boss, &large).json();
    let yes = json!({"decision": "approve", "reason": "seen"});
    assert_eq!(problem(&world.answer(&boss, &retried, yes)), (403, "self-approval".into()));
    world.approve(&retried);
    // Whose action it was carries it out.
    assert_eq!(world.claim(&retried).status, 200);
}
