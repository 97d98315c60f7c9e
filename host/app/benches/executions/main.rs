//! What executions cost: to create one, beside a plain decision and beside what PostgreSQL does by
//! itself; many that wait for people; a tool that waits.
//!
//! Servers and clients are processes of their own, on loopback; those that are compared take turns.
//! It prints one line of JSON a figure, which `cargo xtask bench` makes a table of.
#![allow(missing_docs)]

mod created;
#[path = "../support/effort.rs"]
mod effort;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/question.rs"]
mod question;
#[path = "../support/sets.rs"]
mod sets;
mod suspended;
mod waiting;
mod world;

use effort::Effort;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == load::ARGUMENT) {
        return load::run(&arguments[1..]);
    }
    let effort = Effort::of(&arguments);
    created::measure(effort);
    waiting::measure(effort);
    suspended::measure(effort);
}
