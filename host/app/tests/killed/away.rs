//! An answer that comes while the host is down, and one that is given twice at the same instant, at
//! two hosts where the database is shared, while one of them dies of it.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use writ_testkit::http::{Client, Reply};
use writ_testkit::server::Writ;

use crate::world::{Database, Who, World, start, text, until};

/// Where a host may die between a vote's arrival and its answer.
const VOTING: &[&str] = &[
    "store.approval.voted.begun",
    "store.approval.voted.written",
    "store.approval.voted.committed",
    "http.vote.answer",
];

/// An execution that waits for two stages.
struct Asked<'a> {
    world: &'a World,
    id: String,
    decision: String,
    claim: Value,
}

impl<'a> Asked<'a> {
    fn new(world: &'a World) -> Self {
        let question = json!({
            "subject": {"type": "agent", "id": "shop"},
            "action": {"name": "pay", "properties": {"amount": 500}},
            "resource": {"type": "account", "id": "main"},
        });
        let asked = world.post(Who::Agent, "/v1/executions", &question);
        assert_eq!(asked.status, 202, "{}", asked.text());
        let asked = asked.json();
        Self {
            world,
            id: text(&asked["id"]),
            decision: format!("/v1/approvals/{}/decision", text(&asked["approvals"][0]["id"])),
            claim: json!({"digest": asked["digest"]}),
        }
    }

    fn see(&self) -> Value {
        self.world.get(Who::Agent, &format!("/v1/executions/{}", self.id))
    }

    /// Who has agreed, in order.
    fn agreed(&self) -> Vec<String> {
        let seen = self.see();
        let votes = seen["approvals"][0]["votes"].as_array().unwrap();
        votes.iter().map(|vote| text(&vote["approver"])).collect()
    }
}

fn approve() -> Value {
    json!({"decision": "approve"})
}

pub(crate) fn approved_while_the_host_is_down(database: Database) {
    let world = World::new(database);
    let asked = Asked::new(&world);
    for who in [Who::Ann, Who::Bob] {
        world.kill();
        let body = approve().to_string();
        let vote = |client: &mut Client| client.post(&asked.decision, &body);
        assert!(world.try_send(vote, who).is_none(), "the host is down");
        thread::scope(|scope| {
            let voting = scope.spawn(|| world.send(who, vote));
            world.start_again(None);
            let voted = voting.join().unwrap();
            assert_eq!(voted.status, 200, "{}", voted.text());
        });
    }
    assert_eq!(asked.see()["status"], "allowed");
    let claim = format!("/v1/executions/{}/claim", asked.id);
    let statuses = [(); 2].map(|()| world.post(Who::Agent, &claim, &asked.claim).status);
    assert_eq!(statuses, [200, 409], "one approval, one effect");
}

pub(crate) fn approved_twice_at_the_same_instant(database: Database) {
    let world = World::new(database);
    let other = world
        .database
        .as_ref()
        .map(|database| start(Some(database), &world.receiver, &world.called));
    for point in VOTING {
        let asked = Asked::new(&world);
        for who in [Who::Ann, Who::Bob] {
            world.start_again(Some((point, 1)));
            at_once(&world, other.as_ref(), who, &asked.decision, &approve());
            world.start_again(None);
            // Whoever was not answered asks again: it counts once, or has ended by it.
            let again = world.post(who, &asked.decision, &approve());
            assert!([200, 403, 409].contains(&again.status), "{point}: {}", again.text());
        }
        assert_eq!(asked.agreed().len(), 2, "{point}: each has agreed once");
        assert_eq!(asked.see()["status"], "allowed", "{point}");
        let claim = format!("/v1/executions/{}/claim", asked.id);
        let claims = at_once(&world, other.as_ref(), Who::Agent, &claim, &asked.claim);
        let mut statuses: Vec<_> = claims.iter().flatten().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{point}: one approval, one effect");
    }
}

/// What the world's host answers, if it lives to, and what the other one does; or the same one, where
/// there is no other.
fn at_once(
    world: &World,
    other: Option<&Writ>,
    who: Who,
    path: &str,
    body: &Value,
) -> [Option<Reply>; 2] {
    let (barrier, body) = (Barrier::new(2), body.to_string());
    let here = || {
        barrier.wait();
        world.try_send(|client| client.post(path, &body), who)
    };
    let there = || match other {
        Some(other) => {
            barrier.wait();
            Some(until(|| {
                let mut client = Client::connect(other.address()).ok()?.with_key(world.key(who));
                client.post(path, &body).ok().filter(|reply| reply.status != 503)
            }))
        }
        None => here(),
    };
    thread::scope(|scope| {
        let (here, there) = (scope.spawn(here), scope.spawn(there));
        [here.join().unwrap(), there.join().unwrap()]
    })
}
