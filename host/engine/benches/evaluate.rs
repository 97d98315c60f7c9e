//! What an evaluation costs: against a bare wasmtime loop over the same component, with large
//! settings, with storage, as a set of three, and remembered. And what loading costs, and guests
//! that misbehave.
//!
//! Run plainly it is a criterion bench. With `--paired` the cases take turns every few calls and
//! their percentiles are printed for `cargo xtask bench`: what the machine does beside falls on
//! all of them alike, so their ratios hold where times do not.
#![allow(missing_docs)]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/loading.rs"]
mod loading;
#[path = "support/paired.rs"]
mod paired;

use std::process::ExitCode;
use std::sync::Arc;

use bare::Bare;
use criterion::Criterion;
use fixture::{Bench, Memory};
use paired::{Case, Effort};
use serde_json::{Value, json};

type MakeCases = fn() -> Vec<Case>;

/// A group's cases are made only when it is its turn: each brings an engine or two.
const GROUPS: &[(&str, MakeCases)] =
    &[("evaluate", evaluate), ("storage", storage), ("settings", settings)];

fn main() -> ExitCode {
    if fixture::is_compile_child() {
        return writ_engine::run_compile_child();
    }
    match Effort::of_arguments() {
        Some(effort) => {
            GROUPS.iter().for_each(|(name, cases)| paired::measure(name, cases(), effort));
            loading::measure(effort);
            hostile::measure(effort);
        }
        None => with_criterion(),
    }
    ExitCode::SUCCESS
}

fn with_criterion() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, cases) in GROUPS {
        let mut group = criterion.benchmark_group(*name);
        for mut case in cases() {
            group.bench_function(case.name, |bencher| bencher.iter(|| (case.run)()));
        }
        group.finish();
    }
    criterion.final_summary();
}

/// One policy with every limit on, against the bare loop at its best, and remembered.
fn evaluate() -> Vec<Case> {
    let settings = json!({"allow": ["read_*"]});
    let unmemoised = Bench::new(0);
    let memoised = Bench::new(16 << 20);
    let bare = Bare::new(&fixture::component("tool-list"), &settings.to_string());
    let image = unmemoised.image("tool-list", &settings);
    let remembered = memoised.image("tool-list", &settings);
    let request = unmemoised.request.clone();
    let runtime = fixture::runtime();
    vec![
        Case::new("bare", move || runtime.block_on(bare.evaluate(&request))),
        Case::new("writ", move || unmemoised.evaluate(&image)),
        Case::new("memoised", move || memoised.evaluate(&remembered)),
    ]
}

/// The same policy with one value in its settings and with 800 KB of them.
fn settings() -> Vec<Case> {
    let bench = Arc::new(Bench::new(0));
    let values: Vec<Value> = (0..40_000).map(|n| json!(format!("value-{n:010}"))).collect();
    let settings = |known: &[Value]| json!({"values": ["/action/properties/path"], "known": known, "on-known": "allow"});
    let few = bench.image("known-values", &settings(&values[..1]));
    let many = bench.image("known-values", &settings(&values));
    let (first, second) = (bench.clone(), bench);
    vec![
        Case::new("one-value", move || first.evaluate(&few)),
        Case::new("800-kb", move || second.evaluate(&many)),
    ]
}

/// A policy that reads and writes storage, alone and as the last of three.
fn storage() -> Vec<Case> {
    let bench = Arc::new(Bench::with_storage(Memory::holding(20)));
    let limit = json!({"limit": 1_000, "window-seconds": 3_600, "on-within": "allow"});
    let alone = bench.image("rate-limit", &limit);
    let set = [
        bench.image("tool-list", &json!({"allow": ["read_*"], "deny": ["delete_*"]})),
        bench.image("tool-list", &json!({"deny": ["write_*", "pay"]})),
        alone.clone(),
    ];
    let (first, second) = (bench.clone(), bench);
    vec![
        Case::new("rate-limit", move || first.evaluate(&alone)),
        Case::new("set-of-three", move || set.iter().for_each(|image| second.evaluate(image))),
    ]
}
