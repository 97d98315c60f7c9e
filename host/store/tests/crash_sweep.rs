//! `kill -9` in the middle of a sweep leaves whole steps of it: the chain holds, what has gone has
//! gone wholly, and the next host goes on.
//!
//! A test program of its own, since it starts itself: as a child it sweeps and prints each step; as a
//! parent it kills children and looks.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use conformance::evaluation::NOW_MS;
use conformance::flow::{cancel, happen, permitted};
use tokio::task::JoinSet;
use writ_core::Tenant;
use writ_store::{PostgresConfig, Removed, Store, StoreConfig};
use writ_testkit::postgres::TestDatabase;

const CHILD: &str = "sweep-in";
/// 4 events each, so that a sweep takes several steps.
const EXECUTIONS: u64 = 400;
/// How often a step is tried.
const LOOKS_MAX: usize = 1_000;
/// By then all of them have ended.
const LATER_MS: u64 = NOW_MS + 1_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<_> = std::env::args().collect();
    match &arguments[..] {
        [_, child, place] if child == CHILD => runtime.block_on(sweep(place)),
        _ => runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let files = directory.path().join("data");
            a_killed_sweep_goes_on(files.to_str().unwrap()).await;
            let database = TestDatabase::create();
            let config = PostgresConfig::new(&database.url()).unwrap();
            Store::migrate(config).await.unwrap();
            a_killed_sweep_goes_on(&database.url()).await;
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

async fn step(store: &Store) -> Removed {
    store.retain(&Tenant::default(), LATER_MS, LATER_MS).await.unwrap()
}

/// Sweeps, and goes on looking when nothing is left.
async fn sweep(place: &str) {
    let store = open(place).await;
    loop {
        let removed = step(&store).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", removed.events).and_then(|()| out.flush()).unwrap();
    }
}

async fn a_killed_sweep_goes_on(place: &str) {
    let store = open(place).await;
    fill(&store).await;
    store.close().await.unwrap();
    let mut gone = 0;
    // Before the first answer, and after the first, while the next step is under way.
    for lines in [0, 1, 1] {
        let answered = run_and_kill(place, lines);
        let store = open(place).await;
        let verified = store.verify(&Tenant::default()).await.unwrap();
        let anchor = verified.anchor.head.sequence;
        assert!(anchor >= gone + answered, "what was answered has gone: {anchor}");
        gone = anchor;
        store.close().await.unwrap();
    }
    let store = open(place).await;
    // A database may still be at work for a host that is gone: then it is that one's turn.
    let mut looks = 0;
    while store.verify(&Tenant::default()).await.unwrap().executions > 0 {
        step(&store).await;
        looks += 1;
        assert!(looks < LOOKS_MAX, "the sweep does not go on");
    }
    println!("sweeps were killed, and went on after event {gone}");
}

async fn fill(store: &Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..EXECUTIONS {
        let store = store.clone();
        tasks.spawn(async move {
            let created = permitted().create(&store).await;
            happen(&store, &created, cancel()).await.unwrap();
        });
    }
    tasks.join_all().await;
}

/// Runs a child until it has answered some steps, and kills it. Returns how many events it said are
/// gone.
fn run_and_kill(place: &str, lines: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, place])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let answered = output.lines().take(lines).map(|line| line.unwrap().parse::<u64>().unwrap());
    let answered = answered.sum();
    child.kill().unwrap();
    child.wait().unwrap();
    answered
}
