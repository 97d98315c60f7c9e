//! `cargo xtask test` and `cargo xtask ci`: everything that must hold before a change goes in.
//!
//! `test` installs what it needs and runs every test; `ci` looks at the sources first, cheapest
//! check first.

use anyhow::Result;

use crate::guests::dist::Dist;
use crate::guests::{self, Options, Source};
use crate::repo::Repo;
use crate::run::{cargo, run, step};
use crate::{bindings, deny, layers, postgres, registry};

/// What a host needs to die where a test wants it to. No host that is shipped has it.
const FAILPOINTS: &str = "writ/failpoints";

/// How often hosts are killed.
#[derive(clap::Args)]
pub(crate) struct KillRuns {
    /// How many random runs on each database.
    #[arg(long, default_value_t = 200)]
    runs: u64,
    /// The seed of all runs, as a failure has printed it; without it, the time.
    #[arg(long)]
    seed: Option<u64>,
    /// The only run, as a failure has printed it.
    #[arg(long)]
    run: Option<u64>,
}

/// For how long a host's policy set is changed.
#[derive(clap::Args)]
pub(crate) struct Soak {
    /// How many minutes.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

/// Every check, then every test, and two minutes of the soak.
pub(crate) fn ci(repo: &Repo) -> Result<()> {
    step("formatting", || run(cargo_at(repo).args(["fmt", "--all", "--check"])))?;
    step("layers", || layers::run(repo))?;
    step("bindings", || bindings::run(repo, true))?;
    step("lints", || lints(repo))?;
    step("a host as it is shipped, without fail points", || {
        run(cargo_at(repo).args(["check", "--workspace", "--quiet"]))
    })?;
    step("licences, sources, advisories", || deny::check(repo))?;
    test(repo)?;
    step("a soak of two minutes", || soak_for(repo, 2))
}

/// Guests from source, the committed components, and all tests of the workspace.
pub(crate) fn test(repo: &Repo) -> Result<()> {
    let options = Options { all: true, update_dist: false, toolchain: Source::Auto };
    let built = guests::run(repo, &options)?;
    step("committed components", || {
        let dist = Dist::of(repo);
        dist.check_sums()?;
        dist.check_fresh(&built.starters, &built.toolchain)
    })?;
    step("PostgreSQL for tests", postgres::prepare)?;
    step("a registry for tests", registry::prepare)?;
    step("tests", || run(tests(repo).arg("--quiet")))
}

/// Kills hosts at random points, as the tests do, and more often.
pub(crate) fn kill_runs(repo: &Repo, options: &KillRuns) -> Result<()> {
    let guests = Options { all: false, update_dist: false, toolchain: Source::Auto };
    guests::run(repo, &guests)?;
    step("PostgreSQL for tests", postgres::prepare)?;
    let mut killed = tests(repo);
    killed.args(["--test", "killed", "--", "--runs"]).arg(options.runs.to_string());
    let given = [("--seed", options.seed), ("--run", options.run)];
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        killed.arg(name).arg(value.to_string());
    }
    step("hosts that are killed", || run(&mut killed))
}

/// Changes a host's policy set all the time, as the tests do, and longer.
pub(crate) fn soak(repo: &Repo, options: &Soak) -> Result<()> {
    let guests = Options { all: false, update_dist: false, toolchain: Source::Auto };
    guests::run(repo, &guests)?;
    step("a soak", || soak_for(repo, options.minutes))
}

fn soak_for(repo: &Repo, minutes: u64) -> Result<()> {
    let seconds = minutes.saturating_mul(60).to_string();
    run(tests(repo).args(["--test", "soak", "--", "--seconds", &seconds]))
}

/// All tests of the workspace, on hosts with fail points: one build for all.
fn tests(repo: &Repo) -> std::process::Command {
    let mut command = cargo_at(repo);
    command.args(["test", "--workspace", "--features", FAILPOINTS, "--no-fail-fast"]);
    command
}

fn lints(repo: &Repo) -> Result<()> {
    run(cargo_at(repo).args(["clippy", "--workspace", "--all-targets", "--quiet"]).args([
        "--features",
        "writ-hostile/guest",
        "--features",
        FAILPOINTS,
        "--",
        "-D",
        "warnings",
    ]))
}

fn cargo_at(repo: &Repo) -> std::process::Command {
    let mut command = cargo();
    command.current_dir(repo.path(""));
    command
}
