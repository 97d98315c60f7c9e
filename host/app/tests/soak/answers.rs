//! Those who ask all the time, and what they are answered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use writ_testkit::http::Client;

use crate::world::World;

/// How long somebody rests between two questions, so that an hour's decisions fit on a disk.
const PACE: Duration = Duration::from_millis(10);
/// How many questions go over one connection.
const QUESTIONS: usize = 500;

/// What somebody was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
    /// Digest of the set that decided.
    pub(crate) set: String,
    /// Which set alone allows it; none where every set does.
    pub(crate) about: Option<u64>,
    pub(crate) is_allowed: bool,
}

/// Somebody who asks.
pub(crate) struct Asker<'a> {
    world: &'a World,
    number: usize,
    tell: Sender<Answer>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(world: &'a World, number: usize, tell: Sender<Answer>) -> Self {
        Self { world, number, tell }
    }

    /// Asks until it is told to stop, or nobody listens any more: what all sets allow, and what only the
    /// newest one does.
    pub(crate) fn ask(self, stop: &AtomicBool, newest: &AtomicU64) {
        let mut client = self.world.client();
        for number in self.number.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if number.is_multiple_of(QUESTIONS) {
                client = self.world.client();
            }
            let about = number.is_multiple_of(2).then(|| newest.load(Ordering::Relaxed));
            if self.tell.send(once(&mut client, about)).is_err() {
                return;
            }
            thread::sleep(PACE);
        }
    }
}

fn once(client: &mut Client, about: Option<u64>) -> Answer {
    let action = about.map_or("always".to_owned(), |number| format!("v{number}"));
    let question = json!({
        "subject": {"type": "agent", "id": "a1"},
        "action": {"name": action},
        "resource": {"type": "tool", "id": "t1"},
    });
    let asked = Instant::now();
    let reply = client.post("/access/v1/evaluation", &question.to_string()).unwrap();
    let answered = Instant::now();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = reply.json();
    let set = reply["context"]["policy_set"].as_str().unwrap().to_owned();
    Answer { asked, answered, set, about, is_allowed: reply["decision"].as_bool().unwrap() }
}
