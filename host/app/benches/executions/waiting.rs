//! Executions that wait for people: a few, and very many.

use std::time::Instant;

use serde_json::{Value, json};
use writ_testkit::server::Writ;

use crate::effort::{Effort, median, print};
use crate::load::Load;
use crate::process;
use crate::question::Question;
use crate::sets;
use crate::world::{Caller, EXECUTIONS, text};

/// What people are asked about.
const ACTION: &str = "pay";
/// How many is a few.
const FEW: usize = 10;
/// How many connections ask at once.
const MANY: usize = 32;
/// A page of what waits for an approver: as many as a page can have.
const PAGE: &str = "/v1/approvals?limit=100";

pub(crate) fn measure(effort: Effort) {
    let very_many = match effort {
        Effort::Quick => 5_000,
        Effort::Full => 100_000,
    };
    let server = sets::asking().start();
    let mut agent = Caller::new(&server, "agent-1", "agent", &[]);
    let mut ann = Caller::new(&server, "ann", "approver", &[]);
    for _ in 0..FEW {
        ask(&mut agent);
    }
    let few = Seen::of(&server, &mut agent, &mut ann);
    fill(&server, very_many, effort);
    let many = Seen::of(&server, &mut agent, &mut ann);
    print("waiting/executions", very_many as f64);
    print("waiting/grown-mib", many.resident - few.resident);
    print("waiting/page-ms", many.page_ms);
    print("waiting/resume-ms", many.resume_ms);
    print("waiting/resume-of-few", many.resume_ms / few.resume_ms);
}

/// What a server takes while some executions wait.
struct Seen {
    resident: f64,
    page_ms: f64,
    resume_ms: f64,
}

impl Seen {
    fn of(server: &Writ, agent: &mut Caller, ann: &mut Caller) -> Self {
        Self {
            resident: process::resident(server.id()),
            page_ms: median((0..50).map(|_| page_ms(ann))),
            resume_ms: median((0..50).map(|_| resume_ms(agent, ann))),
        }
    }
}

fn page_ms(ann: &mut Caller) -> f64 {
    let begin = Instant::now();
    let page = ann.get(PAGE);
    assert!(page["items"].as_array().is_some_and(|items| items.len() >= FEW), "{page}");
    millis(begin)
}

/// From the last answer that was needed to the permit to go on. Who waits is the oldest or the newest
/// of all: that makes no difference to a row that is found by its name.
fn resume_ms(agent: &mut Caller, ann: &mut Caller) -> f64 {
    let asked = ask(agent);
    let begin = Instant::now();
    ann.approve(&asked, 0);
    let claim = format!("{EXECUTIONS}/{}/claim", text(&asked["id"]));
    agent.post(&claim, &json!({"digest": asked["digest"]}));
    millis(begin)
}

fn ask(agent: &mut Caller) -> Value {
    let question = json!({
        "subject": {"type": "agent", "id": "agent-1"},
        "action": {"name": ACTION, "properties": {"amount": 1}},
        "resource": {"type": "account", "id": "main"},
    });
    let asked = agent.post(EXECUTIONS, &question);
    assert_eq!(asked["status"], "awaiting-approval");
    asked
}

/// Asks until so many wait.
fn fill(server: &Writ, count: usize, effort: Effort) {
    let (address, key) = (server.address(), server.key());
    let (question, route) = (Question::Varying, EXECUTIONS);
    let mut asked = 0;
    while asked < count {
        let load = Load { address, connections: MANY, route, question, action: ACTION, key };
        asked += load.run(effort.turn()).asked;
    }
}

fn millis(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1_000.0
}
