//! `cargo deny`: licences, sources, bans, and known weaknesses of dependencies.
//!
//! The tool is not part of Rust, so it is installed below `target/`. Its list of weaknesses lies on
//! a server that not every machine reaches: where it cannot be fetched, that is said, and passes.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::repo::Repo;
use crate::run::{cargo, read, run};

/// Pinned, so that a new version changes the outcome only together with a commit.
const VERSION: &str = "0.20.2";

pub(crate) fn check(repo: &Repo) -> Result<()> {
    install(repo)?;
    run(deny(repo).args(["check", "bans", "licenses", "sources"]))?;
    if run(deny(repo).args(["fetch", "db"])).is_err() {
        println!("NOT CHECKED: advisories, since their database cannot be reached from here");
        return Ok(());
    }
    run(deny(repo).args(["check", "--disable-fetch", "advisories"]))
}

fn deny(repo: &Repo) -> Command {
    let mut command = Command::new(repo.target("tools/bin/cargo-deny"));
    command.current_dir(repo.path(""));
    command
}

/// Builds the tool, unless this version is there already.
fn install(repo: &Repo) -> Result<()> {
    let found = read(deny(repo).arg("--version")).unwrap_or_default();
    if found.trim() == format!("cargo-deny {VERSION}") {
        return Ok(());
    }
    let build = repo.target("tools/build");
    // Not optimised: that would cost more time than a check of a second can give back.
    run(cargo()
        .args(["install", "cargo-deny", "--quiet", "--locked", "--debug", "--version", VERSION])
        .arg("--force")
        .arg("--root")
        .arg(repo.target("tools"))
        .arg("--target-dir")
        .arg(&build)
        .current_dir(repo.path("")))?;
    fs::remove_dir_all(build)?;
    Ok(())
}
