//! The stream of events, and those who hold on until people have decided.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::world::{World, path, question, text};

/// How long to wait for an event before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reader of the stream of events.
pub(crate) struct Stream {
    runtime: Runtime,
    response: Response,
    read: String,
}

impl Stream {
    /// Reads as an operator, from now on.
    pub(crate) fn open(world: &World) -> Self {
        Self::after(world, None)
    }

    fn after(world: &World, last: Option<u64>) -> Self {
        Self::of(world, world.server.key(), last)
    }

    fn of(world: &World, key: &str, last: Option<u64>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("http://{}/v1/events", world.server.address());
        let response = runtime.block_on(async {
            let mut request = reqwest::Client::new().get(url).bearer_auth(key);
            if let Some(last) = last {
                request = request.header("Last-Event-ID", last);
            }
            request.send().await.unwrap()
        });
        assert_eq!(response.status(), 200);
        Self { runtime, response, read: String::new() }
    }

    /// The next event.
    fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|data| serde_json::from_str(data).unwrap());
                self.read = rest.to_owned();
                if let Some(data) = data {
                    return data;
                }
                continue;
            }
            let chunk = self.chunk().expect("the stream goes on");
            self.read += std::str::from_utf8(&chunk).unwrap();
        }
    }

    fn chunk(&mut self) -> Option<Bytes> {
        let chunk = async { timeout(PATIENCE, self.response.chunk()).await };
        self.runtime.block_on(chunk).expect("the stream says something in time").unwrap()
    }

    /// Waits for an event of an execution.
    pub(crate) fn until(&mut self, kind: &str, execution: &str) {
        self.until_each(kind, [execution]);
    }

    /// Waits for an event of each of some executions, in whatever order.
    pub(crate) fn until_each<'a>(
        &mut self,
        kind: &str,
        executions: impl IntoIterator<Item = &'a str>,
    ) {
        let mut missing: BTreeSet<_> = executions.into_iter().collect();
        let end = Instant::now() + PATIENCE;
        while !missing.is_empty() {
            assert!(Instant::now() < end, "no `{kind}` of {missing:?}");
            let event = self.next();
            if event["kind"] == kind {
                missing.remove(event["execution"].as_str().unwrap());
            }
        }
    }
}

#[test]
fn a_reader_who_was_cut_off_misses_nothing() {
    let world = World::new();
    let small = world.ask("pay", 20);
    let all: Vec<_> = {
        let mut stream = Stream::after(&world, Some(0));
        (0..3).map(|_| stream.next()).collect()
    };
    let kinds: Vec<_> = all.iter().map(|event| text(&event["kind"])).collect();
    assert_eq!(kinds, ["execution.received", "execution.decided", "execution.allowed"]);
    let mut rest = Stream::after(&world, Some(1));
    assert_eq!((rest.next(), rest.next()), (all[1].clone(), all[2].clone()));
    let listed = world.get(&world.agent, &path(&small, "/events"));
    assert_eq!(listed["items"], json!(all));
}

#[test]
fn an_approver_who_answers_at_once_is_not_lost() {
    let world = World::new();
    let mut stream = Stream::open(&world);
    let mut client = world.client(&world.agent);
    let held = std::thread::spawn(move || {
        let body = question("pay", 500).to_string();
        client.post_with("/v1/executions", &[("Prefer", "wait=50")], &body).unwrap()
    });
    // Answered as soon as it is asked, while the one who asks holds on.
    let asked = loop {
        let event = stream.next();
        if event["kind"] == "approval.asked" {
            break event;
        }
    };
    let execution = json!({"approvals": [{"id": asked["approval"]}]});
    world.approve(&execution);
    let answer = held.join().unwrap();
    assert_eq!((answer.status, answer.json()["status"].clone()), (201, json!("allowed")));
}

#[test]
fn a_question_that_nobody_answers_expires() {
    let world = World::new();
    let mut stream = Stream::open(&world);
    let asked = world.ask("slow", 1);
    assert_eq!(asked["status"], "awaiting-approval");
    stream.until("execution.expired", &text(&asked["id"]));
    let answer = world.answer(&world.ann, &asked, json!({"decision": "approve"}));
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(world.status(&asked), "expired");
}

#[test]
fn a_server_that_stops_ends_its_streams() {
    let mut world = World::new();
    let mut stream = Stream::open(&world);
    world.server.ask_to_stop();
    assert!(world.server.wait().success());
    assert_eq!(stream.chunk(), None);
}

#[test]
fn a_key_that_is_revoked_reads_on_no_further() {
    let world = World::new();
    let body = json!({"name": "watcher", "roles": ["auditor"]});
    let made = world.post(world.server.key(), "/v1/keys", &body).json();
    let mut stream = Stream::of(&world, &text(&made["key"]), None);
    let seen = world.ask("pay", 1);
    stream.until("execution.allowed", &text(&seen["id"]));
    let revoked =
        world.client(world.server.key()).delete(&format!("/v1/keys/{}", text(&made["id"])));
    assert_eq!(revoked.unwrap().status, 204);
    world.ask("pay", 2);
    assert_eq!(stream.chunk(), None);
}
