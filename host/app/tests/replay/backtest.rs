//! A backtest tells exactly what deciding everything again by hand tells: AgentDojo's banking tasks are
//! decided and recorded, and then by a set with other limits, with what was stored at each time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use writ::backtest::{Bounds, Candidate, Change, Example, Report, Source, run};
use writ::clock::now_ms;
use writ::config::Config;
use writ::policy_set::Snapshot;
use writ::service::ephemeral::Ephemeral;
use writ::service::{Meta, Records, Service};
use writ_core::{Action, Entity, Json, Request, Tenant};
use writ_store::StoredDecision;
use writ_testkit::guests;

use crate::world::{World, service};

/// How far it is from one call to the next, in milliseconds.
const STEP_MS: usize = 60_000;

const BOUNDS: Bounds =
    Bounds { workers: 3, decisions_max: u64::MAX, time_max: Duration::from_secs(600) };

/// The set that the example has, and one with lower limits.
fn sets() -> (String, String) {
    let path = guests::repository().join("examples/agentdojo-banking/writ.toml");
    let set = std::fs::read_to_string(path).unwrap();
    let stricter = set.replace("limit = 1000\n", "limit = 20\n").replace("le = 500", "le = 5");
    assert_ne!(set, stricter);
    (set, stricter)
}

/// Every call of every task, in order.
fn calls() -> Vec<Request> {
    let path = guests::repository().join("examples/agentdojo-banking/agentdojo-banking.json");
    let suite: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let tasks = suite["tasks"].as_array().unwrap().iter();
    let calls = tasks.flat_map(|task| task["calls"].as_array().unwrap());
    calls.map(asked).collect()
}

fn asked(call: &Value) -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::empty_object(),
    };
    let properties = Json::from_value(&call["arguments"]).unwrap();
    Request {
        subject: entity("agent", "assistant"),
        action: Action { name: call["tool"].as_str().unwrap().into(), properties },
        resource: entity("account", "DE89370400440532013000"),
        context: Json::empty_object(),
    }
}

/// What was decided: the outcome's code; and all of it, with reasons, who is asked, and the action.
#[derive(PartialEq)]
struct Said {
    code: String,
    whole: String,
}

async fn outcome(service: &Service, at_ms: u64, call: &Request) -> (String, Said) {
    let active = service.active();
    let decided = service.decide_at(&active, call.clone(), Meta::default(), at_ms).await;
    let answer = decided.unwrap();
    let whole = format!("{:?} {:?}", answer.outcome, answer.amended);
    (answer.id.clone(), Said { code: answer.outcome.code().to_owned(), whole })
}

/// What a set decides of the last of some calls, where another one has decided those before.
async fn by_hand(
    (config, first): &(Config, Snapshot),
    (_, second): &(Config, Snapshot),
    calls: &[(u64, Request)],
) -> Said {
    let memory = Ephemeral::default();
    let records = || Records::Ephemeral(memory.clone());
    let (before, after) = (service(config, first, records()), service(config, second, records()));
    let ((at_ms, last), earlier) = calls.split_last().unwrap();
    for (at_ms, call) in earlier {
        outcome(&before, *at_ms, call).await;
    }
    outcome(&after, *at_ms, last).await.1
}

struct Recorded {
    world: World,
    candidate: Candidate,
    /// Id, what was said then, and what is said now as it is found by hand, of each decision.
    turns: Vec<(String, Said, Said)>,
}

impl Recorded {
    async fn new() -> Self {
        let world = World::new().await;
        let (first, second) = sets();
        let (first, second) = (world.snapshot(&first).await, world.snapshot(&second).await);
        let calls: Vec<_> = (now_ms()..).step_by(STEP_MS).zip(calls()).collect();
        let recording = service(&first.0, &first.1, Records::Durable(world.store.clone()));
        let mut turns = Vec::new();
        for (place, (at_ms, call)) in calls.iter().enumerate() {
            let (id, then) = outcome(&recording, *at_ms, call).await;
            turns.push((id, then, by_hand(&first, &second, &calls[..=place]).await));
        }
        let candidate = Candidate { snapshot: Arc::new(second.1), tenant: Tenant::default() };
        Self { world, candidate, turns }
    }

    fn stored(&self) -> Source {
        Source::stored(self.world.store.clone(), Tenant::default(), 0)
    }

    async fn lines(&self) -> String {
        let page = self.world.store.decisions_page(&Tenant::default(), None, 1_000).await.unwrap();
        let line = |decision: &StoredDecision| serde_json::to_string(decision).unwrap() + "\n";
        page.iter().map(line).collect()
    }
}

fn expected(then: &Said, now: &Said) -> Change {
    match now.code.as_str() {
        _ if now == then => Change::Same,
        "approval-required" if now.code == then.code => Change::OtherRequirement,
        "denied-by-policy" if then.code.starts_with("denied") => Change::OtherReason,
        "allowed" => Change::NewAllow,
        "approval-required" => Change::NewApproval,
        "denied-by-policy" => Change::NewDenial,
        other => panic!("{other}"),
    }
}

fn check(report: &Report, turns: &[(String, Said, Said)]) {
    let mut changes = BTreeMap::<Change, Vec<(&str, &str, &str)>>::new();
    for (id, then, now) in turns {
        let turn = (id.as_str(), then.code.as_str(), now.code.as_str());
        changes.entry(expected(then, now)).or_default().push(turn);
    }
    let counts = changes.iter().map(|(change, turns)| (*change, turns.len() as u64));
    assert_eq!(report.changes, counts.collect());
    assert!(report.changes[&Change::NewApproval] > 1, "{:?}", report.changes);
    assert!(report.changes[&Change::OtherRequirement] > 1, "{:?}", report.changes);
    assert!(report.changes[&Change::Same] > 1, "{:?}", report.changes);
    for (change, mut turns) in changes {
        turns.sort_unstable();
        turns.truncate(if change == Change::Same { 0 } else { 5 });
        let told =
            |example: &Example| (example.id.clone(), example.then.clone(), example.now.clone());
        let told: Vec<_> = report.examples.get(&change).into_iter().flatten().map(told).collect();
        let told: Vec<_> =
            told.iter().map(|(id, then, now)| (id.as_str(), then.as_str(), now.as_str())).collect();
        assert_eq!(told, turns, "{}", change.name());
    }
    assert_eq!((report.decisions, report.is_complete), (turns.len() as u64, true));
}

/// One test of all: what takes time is to compile the policies.
#[tokio::test]
async fn a_backtest_finds_what_is_found_by_hand_and_says_where_it_cannot() {
    let recorded = Recorded::new().await;
    finds_what_is_found_by_hand(&recorded).await;
    says_that_there_is_more(&recorded).await;
    says_what_was_not_recorded(&recorded).await;
}

async fn finds_what_is_found_by_hand(recorded: &Recorded) {
    let mut told = 0;
    let report = run(&recorded.candidate, recorded.stored(), BOUNDS, |_| told += 1).await.unwrap();
    check(&report, &recorded.turns);
    assert!(told > 0);
    assert_eq!(report.approvers.keys().collect::<Vec<_>>(), ["user:emma.johnson"]);

    let lines = Source::exported(Box::new(std::io::Cursor::new(recorded.lines().await)), 0);
    assert_eq!(run(&recorded.candidate, lines, BOUNDS, |_| {}).await.unwrap(), report);
    let future = Source::stored(recorded.world.store.clone(), Tenant::default(), 1 << 47);
    let none = run(&recorded.candidate, future, BOUNDS, |_| {}).await.unwrap();
    assert_eq!((none.decisions, none.is_complete), (0, true));
}

async fn says_that_there_is_more(recorded: &Recorded) {
    let few = Bounds { decisions_max: 3, ..BOUNDS };
    let report = run(&recorded.candidate, recorded.stored(), few, |_| {}).await.unwrap();
    assert_eq!((report.decisions, report.is_complete), (3, false));
    let short = Bounds { time_max: Duration::ZERO, ..BOUNDS };
    let report = run(&recorded.candidate, recorded.stored(), short, |_| {}).await.unwrap();
    assert!(!report.is_complete && report.decisions < recorded.turns.len() as u64);
}

async fn says_what_was_not_recorded(recorded: &Recorded) {
    let (first, _) = sets();
    let renamed = first.replace("name = \"day\"", "name = \"another-day\"");
    let (_, snapshot) = recorded.world.snapshot(&renamed).await;
    let candidate = Candidate { snapshot: Arc::new(snapshot), ..recorded.candidate.clone() };
    let report = run(&candidate, recorded.stored(), BOUNDS, |_| {}).await.unwrap();
    let is_payment = |call: &&Request| {
        ["send_money", "schedule_transaction"].contains(&call.action.name.as_str())
    };
    let payments = calls().iter().filter(is_payment).count() as u64;
    assert_eq!(report.count(Change::Unrecorded), payments, "{report:?}");
    let example = json!(report.examples[&Change::Unrecorded][0]);
    assert_eq!(example["now"], "it asks for something that was not recorded");
}
