//! The benches as programs, built together so that they share what they depend on.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::repo::Repo;
use crate::run::{cargo, read};

/// Where the programs are.
pub(super) struct Programs {
    pub(super) evaluate: PathBuf,
    pub(super) http: PathBuf,
    pub(super) executions: PathBuf,
    pub(super) lifecycle: PathBuf,
    pub(super) backtest: PathBuf,
    pub(super) instructions: PathBuf,
}

impl Programs {
    /// Builds them as they are released.
    pub(super) fn build(repo: &Repo) -> Result<Self> {
        let mut command = cargo();
        command.current_dir(repo.path("")).args(["build", "--release", "--message-format=json"]);
        command.args(["-p", "writ-engine", "-p", "writ", "--bin", "writ"]);
        command.args(["--bench", "evaluate", "--bench", "http", "--bench", "executions"]);
        command.args(["--bench", "lifecycle", "--bench", "backtest", "--bench", "instructions"]);
        let messages = read(&mut command)?;
        let find = |name: &str| {
            let found = messages.lines().find_map(|line| executable(line, name));
            found.with_context(|| format!("cargo built no bench `{name}`"))
        };
        Ok(Self {
            evaluate: find("evaluate")?,
            http: find("http")?,
            executions: find("executions")?,
            lifecycle: find("lifecycle")?,
            backtest: find("backtest")?,
            instructions: find("instructions")?,
        })
    }
}

/// The program that a message of cargo is about, where it is the bench of a name.
fn executable(message: &str, bench: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = message.get("target")?;
    let is_bench = target.get("kind")?.as_array()?.iter().any(|kind| kind == "bench");
    let is_it = is_bench && target.get("name")? == bench;
    is_it.then(|| message.get("executable")?.as_str().map(PathBuf::from))?
}
