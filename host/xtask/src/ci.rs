//! `cargo xtask test` and `cargo xtask ci`: everything that must hold before a change goes in.
//!
//! `test` installs what it needs and runs every test; `ci` looks at the sources first, cheapest
//! check first.

use anyhow::Result;

use crate::guests::dist::Dist;
use crate::guests::{self, Options, Source};
use crate::repo::Repo;
use crate::run::{cargo, run, step};
use crate::{bindings, deny, layers, postgres};

/// Every check, then every test.
pub(crate) fn ci(repo: &Repo) -> Result<()> {
    step("formatting", || run(cargo_at(repo).args(["fmt", "--all", "--check"])))?;
    step("layers", || layers::run(repo))?;
    step("bindings", || bindings::run(repo, true))?;
    step("lints", || lints(repo))?;
    step("licences, sources, advisories", || deny::check(repo))?;
    test(repo)
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
    step("tests", || run(cargo_at(repo).args(["test", "--workspace", "--quiet"])))
}

fn lints(repo: &Repo) -> Result<()> {
    run(cargo_at(repo).args(["clippy", "--workspace", "--all-targets", "--quiet"]).args([
        "--features",
        "writ-hostile/guest",
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
