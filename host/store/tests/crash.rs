//! `kill -9` at any moment loses no answered decision and splits no commit.
//!
//! A test program of its own, since it starts itself: as a child it commits for ever and prints
//! what was answered; as a parent it kills children and looks.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use conformance::evaluation::{Evaluation, decision, get};
use writ_store::{CommitError, Store, StoreConfig};

const ROUNDS: u64 = 12;
const CHILD: &str = "commit-for-ever-in";

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments: Vec<_> = std::env::args().collect();
    match &arguments[..] {
        [_, child, directory, run] if child == CHILD => {
            runtime.block_on(commit_for_ever(Path::new(directory), run.parse().unwrap()));
        }
        _ => runtime.block_on(a_killed_host_has_lost_nothing_that_it_answered()),
    }
}

async fn commit_for_ever(directory: &Path, run: u64) {
    let store = Store::open(StoreConfig::new(directory)).await.unwrap();
    let tasks = (0..16_u64).map(|task| tokio::spawn(commit_in_turn(store.clone(), run, task)));
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Each commit keeps a decision and counts it.
async fn commit_in_turn(store: Store, run: u64, task: u64) {
    for step in 0_u64.. {
        let id = format!("0190a6f0-{run:04x}-7000-8{task:03x}-{step:012x}");
        loop {
            let mut evaluation = Evaluation::new(&store);
            evaluation.increment("n", 1).await;
            let mut decision = decision();
            decision.id.clone_from(&id);
            let ledgers = vec![(evaluation.namespace, evaluation.ledger)];
            match store.commit(decision, ledgers).await {
                Ok(()) => break,
                Err(CommitError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{id}").and_then(|()| out.flush()).unwrap();
    }
}

async fn a_killed_host_has_lost_nothing_that_it_answered() {
    let directory = tempfile::tempdir().unwrap();
    let mut answered = BTreeSet::new();
    for run in 0..ROUNDS {
        // Between the first answer and some thousands, so that some runs end in a checkpoint.
        let lines = 1 + (run * run * 37) % 4_000;
        answered.extend(run_and_kill(directory.path(), run, lines));
        let store = Store::open(StoreConfig::new(directory.path())).await.unwrap();
        let mut kept = BTreeSet::new();
        let tenant = "default".parse().unwrap();
        while let page =
            store.decisions_page(&tenant, kept.first().map(String::as_str), 1_000).await.unwrap()
            && !page.is_empty()
        {
            kept.extend(page.into_iter().map(|decision| decision.id));
        }
        let lost: Vec<_> = answered.difference(&kept).collect();
        assert!(lost.is_empty(), "run {run} lost {lost:?}");
        let counted = get(&store, "n").await;
        assert_eq!(counted, Some(kept.len().to_string()), "run {run} split a commit");
        store.close().await.unwrap();
    }
    println!("{ROUNDS} hosts killed, {} decisions answered, none lost", answered.len());
}

/// Runs a child until it has answered some decisions, and kills it. Returns all that it answered.
fn run_and_kill(directory: &Path, run: u64, lines: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD.as_ref(), directory.as_os_str(), run.to_string().as_ref()])
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
