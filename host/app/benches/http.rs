//! What a decision costs over HTTP: against a server that only echoes, beside a policy that loops,
//! at start, and in memory.
//!
//! Servers and clients are processes of their own, on loopback; those that are compared take turns
//! in every round, and figures are medians over rounds. It prints one line of JSON a figure, which
//! `cargo xtask bench` makes a table of. `--quick` measures for a minute only.
#![allow(missing_docs)]

#[path = "support/echo.rs"]
mod echo;
#[path = "support/effort.rs"]
mod effort;
#[path = "support/load.rs"]
mod load;
#[path = "support/process.rs"]
mod process;
#[path = "support/question.rs"]
mod question;
#[path = "support/sets.rs"]
mod sets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use effort::{Effort, median, print};
use load::{EVALUATION as ROUTE, Load, Seen};
use question::Question;
use writ_testkit::server::Writ;

/// As the binary `writ` has it, so that the echo's is the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that ask at once.
const MANY: usize = 32;
/// So many that processors stay busy while a batch waits for the disk.
const MORE: usize = 256;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(echo::ARGUMENT) => echo::serve(),
        Some(load::ARGUMENT) => load::run(&arguments[1..]),
        _ => {
            let effort = Effort::of(&arguments);
            throughput(effort);
            loops(effort);
            starts(effort);
        }
    }
}

/// Requests a second and latencies, in turns with the echo; and what memory that takes.
fn throughput(effort: Effort) {
    let echo = echo::Echo::start();
    let one = sets::one().start();
    let three = sets::three().start();
    let rest = process::resident(one.id());
    let cases = [
        Case {
            name: "echo",
            address: echo.address(),
            process: echo.id(),
            question: Question::Varying,
            key: "",
        },
        Case::new("one", &one, Question::Varying),
        Case::new("memoised", &one, Question::Same),
        Case::new("three", &three, Question::Varying),
    ];
    let mut fsyncs = vec![process::fsync_us()];
    for connections in [MANY, MORE, 1] {
        let mut seen: BTreeMap<&str, Vec<Seen>> = BTreeMap::new();
        for _ in 0..effort.rounds() {
            for case in &cases {
                seen.entry(case.name).or_default().push(case.run(connections, effort));
            }
        }
        for Case { name, .. } in &cases {
            report(&format!("http/{connections}/{name}"), &seen[name], &seen["echo"]);
        }
        fsyncs.push(process::fsync_us());
    }
    print("disk/fsync-us", median(fsyncs.into_iter()));
    print("memory/one-policy-at-rest-mib", rest);
    print("memory/one-policy-peak-mib", process::peak(one.id()));
    print("memory/three-policies-peak-mib", process::peak(three.id()));
}

/// A server and what it is asked.
struct Case<'a> {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    question: Question,
    key: &'a str,
}

impl<'a> Case<'a> {
    fn new(name: &'static str, server: &'a Writ, question: Question) -> Self {
        let (address, process, key) = (server.address(), server.id(), server.key());
        Self { name, address, process, question, key }
    }

    /// A turn, with the processor time that each request took of the server.
    fn run(&self, connections: usize, effort: Effort) -> Seen {
        let Self { address, question, key, .. } = *self;
        let action = "read_file";
        let load = Load { address, connections, route: ROUTE, question, action, key };
        let before = process::cpu_us(self.process);
        let mut seen = load.run(effort.turn());
        seen.cpu_us = (process::cpu_us(self.process) - before) / seen.asked as f64;
        seen
    }
}

fn report(name: &str, seen: &[Seen], echo: &[Seen]) {
    let over = |figure: fn(&Seen) -> f64| median(seen.iter().map(figure));
    let of_echo = |figure: fn(&Seen) -> f64| {
        median(seen.iter().zip(echo).map(|(seen, echo)| figure(seen) / figure(echo)))
    };
    print(&format!("{name}/per-second"), over(Seen::per_second));
    print(&format!("{name}/p50-us"), over(|seen| seen.p50_us));
    print(&format!("{name}/p99-us"), over(|seen| seen.p99_us));
    print(&format!("{name}/cpu-us"), over(|seen| seen.cpu_us));
    print(&format!("{name}/per-second-of-echo"), of_echo(Seen::per_second));
    print(&format!("{name}/p50-of-echo"), of_echo(|seen| seen.p50_us));
}

/// What the others notice of two clients that keep calling a policy that loops.
fn loops(effort: Effort) {
    let server = sets::one_beside_a_loop().start();
    let address = server.address();
    let (question, key) = (Question::Varying, server.key());
    let load =
        |action, connections| Load { address, connections, route: ROUTE, question, action, key };
    let (mut shares, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        let alone = load("read_file", MANY).run(effort.turn());
        let looping = load("loop", 2).start(effort.turn() * 2);
        let beside = load("read_file", MANY).run(effort.turn());
        looping.stop();
        shares.push(beside.per_second() / alone.per_second());
        p99.push(beside.p99_us);
    }
    print("loop/others-throughput-share", median(shares.into_iter()));
    print("loop/others-p99-us", median(p99.into_iter()));
}

/// From the start of the process to the line that says where it listens, and memory at rest.
fn starts(effort: Effort) {
    for (name, policies) in [("4-policies", 4), ("20-policies", 20)] {
        let set = sets::many(policies);
        let (mut cold, mut warm, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..effort.rounds().min(3) {
            let begin = Instant::now();
            let mut server = set.start();
            cold.push(millis(begin.elapsed()));
            for _ in 0..3 {
                server.kill();
                let begin = Instant::now();
                server.restart();
                warm.push(millis(begin.elapsed()));
            }
            rest.push(process::resident(server.id()));
        }
        print(&format!("start/{name}/cold-ms"), median(cold.into_iter()));
        print(&format!("start/{name}/warm-ms"), median(warm.into_iter()));
        print(&format!("memory/{name}-at-rest-mib"), median(rest.into_iter()));
        if policies == 4 {
            peak(&set.start(), effort);
        }
    }
}

/// The most memory that a server of four policies takes while many connections ask.
fn peak(server: &Writ, effort: Effort) {
    let (address, question) = (server.address(), Question::Varying);
    let key = server.key();
    let (connections, route, action) = (MANY, ROUTE, "read_file");
    let load = Load { address, connections, route, question, action, key };
    load.run(effort.turn() * 4);
    print("memory/4-policies-peak-mib", process::peak(server.id()));
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
