//! `cargo xtask bench`: measures, and writes what the figures come to into `BENCHMARKS.md`.
//!
//! A target that is missed is marked in the table. It is no failure: machines differ, and on a busy
//! one figures say little. What could not be measured is a failure.

mod instructions;
mod programs;
mod table;
mod targets;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::guests;
use crate::postgres;
use crate::repo::Repo;
use crate::run::{read, step};
use programs::Programs;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure for about a minute, and write no table.
    #[arg(long)]
    quick: bool,
    /// Take the instructions that are counted now as what others are compared with.
    #[arg(long)]
    accept_instructions: bool,
}

/// What was measured, by name.
pub(crate) type Figures = BTreeMap<String, f64>;

/// One line that a bench prints.
#[derive(Deserialize)]
struct Figure {
    figure: String,
    value: Option<f64>,
}

/// Builds, measures, prints the table, and writes it unless this is only a quick look.
pub(crate) fn run(repo: &Repo, options: &Options) -> Result<()> {
    let guests =
        guests::Options { all: false, update_dist: false, toolchain: guests::Source::Auto };
    guests::run(repo, &guests)?;
    step("PostgreSQL", postgres::prepare)?;
    let programs = step("release build", || Programs::build(repo))?;
    let scratch = scratch(repo)?;
    let mut figures = Figures::new();
    step("engine", || measure(&programs.evaluate, options, &scratch, &mut figures))?;
    step("server", || measure(&programs.http, options, &scratch, &mut figures))?;
    let executions = &programs.executions;
    step("executions", || measure(executions, options, &scratch, &mut figures))?;
    step("lifecycle", || measure(&programs.lifecycle, options, &scratch, &mut figures))?;
    step("backtest", || measure(&programs.backtest, options, &scratch, &mut figures))?;
    let counted =
        step("instructions", || instructions::count(repo, &programs.instructions, &scratch))?;
    if options.accept_instructions {
        instructions::accept(repo, &counted)?;
    }
    let compared = instructions::compare(repo, &counted)?;
    let table = table::write(&figures, &compared)?;
    println!("\n{table}");
    if options.quick {
        return Ok(());
    }
    let page = repo.path("BENCHMARKS.md");
    let notes = notes(&std::fs::read_to_string(&page).unwrap_or_default());
    std::fs::write(page, table + &notes).context("cannot write `BENCHMARKS.md`")
}

/// Where benches keep their files: on a disk, as `/tmp` need not be, and open as that is, since a cluster
/// of PostgreSQL is another user's where this is root.
fn scratch(repo: &Repo) -> Result<PathBuf> {
    let scratch = repo.path("target/bench");
    let made = std::fs::create_dir_all(&scratch);
    let opened =
        made.and_then(|()| std::fs::set_permissions(&scratch, Permissions::from_mode(0o1777)));
    opened.with_context(|| format!("cannot make `{}`", scratch.display()))?;
    Ok(scratch)
}

/// What people have written below a table, which outlives it.
fn notes(page: &str) -> String {
    const HEADING: &str = "\n## What was tried";
    page.split_once(HEADING).map(|(_, notes)| format!("{HEADING}{notes}")).unwrap_or_default()
}

/// Runs a bench and adds what it printed.
fn measure(program: &Path, options: &Options, scratch: &Path, figures: &mut Figures) -> Result<()> {
    let mut command = Command::new(program);
    // The store must be on a disk: what is measured waits for it.
    command.arg("--paired").env("TMPDIR", scratch);
    if options.quick {
        command.arg("--quick");
    }
    let printed = read(&mut command)?;
    for line in printed.lines().filter(|line| line.starts_with('{')) {
        let Figure { figure, value } =
            serde_json::from_str(line).with_context(|| format!("not a figure: `{line}`"))?;
        println!("  {figure} {}", value.map_or("-".to_owned(), |value| value.to_string()));
        figures.extend(value.map(|value| (figure, value)));
    }
    if figures.is_empty() {
        bail!("`{}` printed no figure", program.display());
    }
    Ok(())
}
