//! Hosts that die, as by `kill -9`, at every named point of the road, on SQLite and on PostgreSQL.
//!
//! First each point by itself, then random ones while several callers act at random. What callers were
//! answered stays so, what was approved has one effect, and what was lost between an effect and its
//! record is `unknown`.
//!
//! A test program of its own, for its arguments: `--runs N` (random runs on each database), `--seed S`,
//! and `--run R` (that one alone, and no point by itself): a failure prints what to give.
#![allow(missing_docs, clippy::unwrap_used)]

mod away;
mod checks;
mod driver;
mod effort;
mod life;
mod lives;
mod plan;
mod points;
mod random;
#[path = "../channels/receiver.rs"]
#[allow(dead_code, reason = "it answers as others want, too")]
mod receiver;
mod told;
mod world;

use std::thread;

use effort::Effort;
use random::Random;
use world::Database;

/// How many worlds of each database there are at the same time.
const WORLDS: usize = 2;

fn main() {
    let effort = Effort::of(std::env::args());
    println!("random runs have the seed {}", effort.seed);
    thread::scope(|scope| {
        for database in [Database::Sqlite, Database::Postgres] {
            let effort = &effort;
            scope.spawn(move || kill_on(database, effort));
        }
    });
}

fn kill_on(database: Database, effort: &Effort) {
    let (points, runs) = effort.queues(database);
    let worlds = thread::scope(|scope| {
        let (points, runs) = (&points, &runs);
        let drive = || driver::drive(database, points, runs, Random::new(effort.seed));
        let driving: Vec<_> = (0..WORLDS).map(|_| scope.spawn(drive)).collect();
        driving.into_iter().map(|driving| driving.join().unwrap()).collect::<Vec<_>>()
    });
    let total = |count: fn(&driver::Driven) -> usize| worlds.iter().map(count).sum::<usize>();
    println!(
        "{database:?}: killed at each of {} points, and in {} of {} random runs at a random one; \
         {} executions, {} effects of callers, {} unknown: nothing lost, nothing done twice",
        total(|driven| driven.points),
        total(|driven| driven.killed),
        total(|driven| driven.runs),
        total(|driven| driven.executions),
        total(|driven| driven.effects),
        total(|driven| driven.unknown),
    );
    if effort.is_whole() {
        away::approved_while_the_host_is_down(database);
        away::approved_twice_at_the_same_instant(database);
    }
}
