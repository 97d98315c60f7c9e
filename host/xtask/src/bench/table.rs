//! The table that `BENCHMARKS.md` holds.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Result, bail};

use super::Figures;
use super::instructions::Compared;
use super::targets::TARGETS;
use crate::run::read;

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench`. Everything on loopback, in one run, on whatever machine that was;
those that are compared take turns within the run, so ratios hold where times do not. No figure is a
promise.

The *echo* is an axum handler, in a process of its own, that parses the same JSON and sends it back.
Requests are not equal, so that nothing is remembered, unless it says so; 32 connections, unless it says how
many. *Stored* means that SQLite has confirmed it with an fsync before it is answered.

| what | target | measured | |
| --- | --- | --- | --- |
";

/// The whole file.
///
/// # Errors
/// Where a figure is missing that every machine has.
pub(super) fn write(figures: &Figures, instructions: &[Compared]) -> Result<String> {
    let mut text = HEAD.to_owned();
    for target in TARGETS {
        let bound = target.bound.text(target.unit);
        let (measured, mark) = match target.measured(figures) {
            Some(value) => (target.unit.text(value), mark(target.bound.holds(value))),
            None if cfg!(target_os = "linux") => bail!("there is no figure for: {}", target.what),
            None => ("not measured here".to_owned(), ""),
        };
        writeln!(text, "| {} | {bound} | {measured} | {mark} |", target.what)?;
    }
    if !instructions.is_empty() {
        text.push_str("\nInstructions of one request, without sockets and disk (valgrind):\n\n");
        text.push_str("| what | baseline | counted | |\n| --- | --- | --- | --- |\n");
    }
    for Compared { case, baseline, counted, holds } in instructions {
        let baseline = baseline.map_or("none".to_owned(), thousands);
        writeln!(text, "| {case} | {baseline} | {} | {} |", thousands(*counted), mark(*holds))?;
    }
    if let Some(fsync) = figures.get("disk/fsync-us") {
        writeln!(
            text,
            "\nOne fsync of a page took {fsync:.0} µs (p50); every decision waits for one."
        )?;
    }
    let date = read(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    writeln!(text, "\n{}", date.trim())?;
    Ok(text)
}

fn mark(holds: bool) -> &'static str {
    if holds { "" } else { "**missed**" }
}

fn thousands(number: u64) -> String {
    format!("{:.1} k", number as f64 / 1_000.0)
}
