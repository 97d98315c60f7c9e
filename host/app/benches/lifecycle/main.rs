//! What it costs to change policies: another set while many ask, a file that is saved, a binding in
//! shadow.
//!
//! Servers and clients are processes of their own, on loopback; those that are compared take turns.
//! It prints one line of JSON a figure, which `cargo xtask bench` makes a table of.
#![allow(missing_docs)]

#[path = "../support/effort.rs"]
mod effort;
#[path = "../support/load.rs"]
mod load;
mod paced;
#[path = "../support/question.rs"]
mod question;
mod saved;
#[path = "../support/sets.rs"]
mod sets;
mod shadow;
mod swap;

use effort::Effort;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(load::ARGUMENT) => return load::run(&arguments[1..]),
        Some(paced::ARGUMENT) => return paced::run(&arguments[1..]),
        _ => {}
    }
    let effort = Effort::of(&arguments);
    swap::measure(effort);
    saved::measure(effort);
    shadow::measure(effort);
}
