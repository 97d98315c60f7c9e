//! `kill -9` at any moment loses no answered decision and no answered step of an execution, splits
//! no commit, and leaves no state without its event, nor an event without its state.
//!
//! A test program of its own, since it starts itself: as a child it commits for ever and prints
//! what was answered; as a parent it kills children and looks.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use conformance::evaluation::{Evaluation, decision, get};
use conformance::flow::{claim, happen, permitted};
use writ_core::{Execution, Tenant};
use writ_store::{CommitError, CreateError, Created, Grounds, PostgresConfig, Store, StoreConfig};
use writ_testkit::postgres::TestDatabase;

const CHILD: &str = "commit-for-ever-in";
/// How often a database is looked at in which what a killed host has sent is still under way.
const LOOKS_MAX: usize = 1_000;

/// How often hosts are killed, and after how many answers at most.
struct Effort {
    rounds: u64,
    lines_max: u64,
}

const FILES: Effort = Effort { rounds: 12, lines_max: 4_000 };
/// All count in one place, which in a database is one transaction after the other.
const DATABASE: Effort = Effort { rounds: 8, lines_max: 200 };

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<_> = std::env::args().collect();
    match &arguments[..] {
        [_, child, place, run] if child == CHILD => {
            runtime.block_on(commit_for_ever(place, run.parse().unwrap()));
        }
        _ => runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let files = directory.path().join("data");
            a_killed_host_has_lost_nothing(files.to_str().unwrap(), FILES).await;
            let database = TestDatabase::create();
            let config = PostgresConfig::new(&database.url()).unwrap();
            Store::migrate(config).await.unwrap();
            a_killed_host_has_lost_nothing(&database.url(), DATABASE).await;
        }),
    }
}

/// The store of a directory or a URL.
async fn open(place: &str) -> Store {
    let opened = match place.contains("://") {
        true => Store::open(PostgresConfig::new(place).unwrap()).await,
        false => Store::open(StoreConfig::new(place)).await,
    };
    opened.unwrap()
}

async fn commit_for_ever(place: &str, run: u64) {
    let store = open(place).await;
    let decisions = (0..8).map(|task| tokio::spawn(commit_in_turn(store.clone(), run, task)));
    let executions = (8..16).map(|task| tokio::spawn(execute_in_turn(store.clone(), run, task)));
    for task in decisions.chain(executions).collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Each commit keeps a decision and counts it.
async fn commit_in_turn(store: Store, run: u64, task: u64) {
    for step in 0_u64.. {
        let id = id(run, task, step);
        loop {
            let Grounds { decision, ledgers } = grounds(&store, &id).await;
            match store.commit(decision, ledgers).await {
                Ok(()) => break,
                Err(CommitError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        tell(&id);
    }
}

/// Each execution keeps a decision and counts it, and then begins.
async fn execute_in_turn(store: Store, run: u64, task: u64) {
    for step in 0_u64.. {
        let id = id(run, task, step);
        let created = permitted().created();
        let execution = Execution { id: id.clone(), ..created.execution };
        let created = Created { execution: execution.clone(), ..created };
        loop {
            match store.create(created.clone(), Some(grounds(&store, &id).await)).await {
                Ok(()) => break,
                Err(CreateError::Commit(CommitError::Conflict(_))) => {}
                Err(error) => panic!("{error}"),
            }
        }
        tell(&format!("{id} {}", execution.version));
        let running = happen(&store, &execution, claim(&execution)).await.unwrap();
        tell(&format!("{id} {}", running.version));
    }
}

fn id(run: u64, task: u64, step: u64) -> String {
    format!("0190a6f0-{run:04x}-7000-8{task:03x}-{step:012x}")
}

async fn grounds(store: &Store, id: &str) -> Grounds {
    let mut evaluation = Evaluation::new(store);
    evaluation.increment("n", 1).await;
    let decision = writ_core::DecisionRecord { id: id.to_owned(), ..decision() };
    Grounds { decision, ledgers: vec![(evaluation.namespace, evaluation.ledger)] }
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

async fn a_killed_host_has_lost_nothing(place: &str, effort: Effort) {
    let (mut decisions, mut executions) = (BTreeSet::new(), BTreeMap::new());
    for run in 0..effort.rounds {
        // Between the first answer and some thousands, so that some runs end in a checkpoint.
        let lines = 1 + (run * run * 37) % effort.lines_max;
        for line in run_and_kill(place, run, lines) {
            // A decision's line has no version; an execution's tells of its decision as well.
            let (id, version) = line.split_once(' ').unwrap_or((&line, "0"));
            decisions.insert(id.to_owned());
            executions.insert(id.to_owned(), version.parse::<u64>().unwrap());
        }
        let store = open(place).await;
        let kept = counted(&store, run).await;
        let lost: Vec<_> = decisions.difference(&kept).collect();
        assert!(lost.is_empty(), "run {run} lost {lost:?}");
        for (id, version) in executions.iter().filter(|(_, version)| **version > 0) {
            let found = store.execution(&Tenant::default(), id).await.unwrap();
            let found = found.map(|execution| execution.version);
            assert!(found >= Some(*version), "run {run} lost {id} at {version}: {found:?}");
        }
        store.verify(&Tenant::default()).await.unwrap();
        store.close().await.unwrap();
    }
    let steps: u64 = executions.values().sum();
    let (rounds, decisions) = (effort.rounds, decisions.len());
    println!("{rounds} hosts killed, {decisions} decisions and {steps} steps answered, none lost");
}

/// The ids of all decisions, each of which must have been counted. A database may still be at work
/// for a host that is gone: that comes to an end, and then it is so or never.
async fn counted(store: &Store, run: u64) -> BTreeSet<String> {
    let mut looks = 0;
    loop {
        let kept = kept(store).await;
        let counted = get(store, "n").await;
        looks += 1;
        match counted == Some(kept.len().to_string()) {
            true => return kept,
            false => assert!(
                store.is_shared() && looks < LOOKS_MAX,
                "run {run} split a commit: {counted:?} of {} are counted",
                kept.len()
            ),
        }
    }
}

/// The ids of all decisions.
async fn kept(store: &Store) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    let tenant = Tenant::default();
    while let page =
        store.decisions_page(&tenant, kept.first().map(String::as_str), 1_000).await.unwrap()
        && !page.is_empty()
    {
        kept.extend(page.into_iter().map(|decision| decision.id));
    }
    kept
}

/// Runs a child until it has answered some decisions, and kills it. Returns all that it answered.
fn run_and_kill(place: &str, run: u64, lines: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, place, &run.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..lines {
        assert!(output.read_line(&mut text).unwrap() > 0, "the child has ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut text).unwrap();
    // The last line may be cut: then nobody was answered.
    let complete = text.rfind('\n').map_or(0, |end| end + 1);
    text[..complete].lines().map(str::to_owned).collect()
}
