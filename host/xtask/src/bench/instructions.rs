//! Counts instructions under valgrind and compares them with a committed baseline: a regression
//! shows there on any machine, busy or not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::repo::Repo;
use crate::run::read;

/// The cases of `host/app/benches/instructions.rs`.
const CASES: [&str; 4] = ["remembered", "evaluated", "set-of-three", "created"];
/// Requests of the two runs whose difference counts.
const FEW: u64 = 200;
const MANY: u64 = 1_200;
/// How much more than the baseline is no regression: hash seeds and addresses differ.
const TOLERANCE: f64 = 0.03;
/// The baseline: counts by case, for one architecture.
const BASELINE: &str = "host/app/benches/instructions.json";

/// Instructions of one request, by case.
pub(super) type Counted = BTreeMap<String, u64>;

/// A count beside its baseline.
pub(super) struct Compared {
    pub(super) case: String,
    pub(super) baseline: Option<u64>,
    pub(super) counted: u64,
    pub(super) holds: bool,
}

/// Counts every case. Empty where there is no valgrind.
pub(super) fn count(repo: &Repo, program: &Path, scratch: &Path) -> Result<Counted> {
    let mut counted = Counted::new();
    // The whole path, because the compiler, which valgrind runs too, has no environment.
    let Ok(valgrind) = read(Command::new("sh").args(["-c", "command -v valgrind"])) else {
        println!("valgrind is not installed: no instructions are counted");
        return Ok(counted);
    };
    let run = Run { repo, program, scratch, valgrind: valgrind.trim() };
    for case in CASES {
        // The first run leaves compiled code for the others.
        run.refs(case, 1)?;
        let each = run.refs(case, MANY)?.saturating_sub(run.refs(case, FEW)?) / (MANY - FEW);
        println!("  {case} {each}");
        counted.insert(case.to_owned(), each);
    }
    Ok(counted)
}

/// Makes these counts the baseline.
pub(super) fn accept(repo: &Repo, counted: &Counted) -> Result<()> {
    let baseline = BTreeMap::from([(std::env::consts::ARCH, counted)]);
    let text = serde_json::to_string_pretty(&baseline)? + "\n";
    std::fs::write(repo.path(BASELINE), text).with_context(|| format!("cannot write `{BASELINE}`"))
}

/// Puts each count beside its baseline; another architecture has none.
pub(super) fn compare(repo: &Repo, counted: &Counted) -> Result<Vec<Compared>> {
    let text = std::fs::read_to_string(repo.path(BASELINE))
        .with_context(|| format!("cannot read `{BASELINE}`"))?;
    let baselines: BTreeMap<String, Counted> = serde_json::from_str(&text)?;
    let baselines = baselines.get(std::env::consts::ARCH);
    let compared = counted.iter().map(|(case, &counted)| {
        let baseline = baselines.and_then(|baselines| baselines.get(case)).copied();
        let bound = baseline.map(|baseline| baseline as f64 * (1.0 + TOLERANCE));
        let holds = bound.is_none_or(|bound| counted as f64 <= bound);
        Compared { case: case.clone(), baseline, counted, holds }
    });
    Ok(compared.collect())
}

/// How the program is run.
struct Run<'a> {
    repo: &'a Repo,
    program: &'a Path,
    scratch: &'a Path,
    valgrind: &'a str,
}

impl Run<'_> {
    /// The instructions of one run.
    fn refs(&self, case: &str, requests: u64) -> Result<u64> {
        let mut command = Command::new(self.valgrind);
        command.current_dir(self.repo.path("")).env("TMPDIR", self.scratch);
        command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
        command.arg(self.program).args([case, &requests.to_string(), self.valgrind]);
        let output = command.output().context("cannot start `valgrind`")?;
        let said = String::from_utf8_lossy(&output.stderr);
        refs(&said)
            .filter(|_| output.status.success())
            .with_context(|| format!("`{case}` failed under valgrind: {said}"))
    }
}

/// The count in a line such as `==7== I   refs:      40,407,538`; how wide it is set differs from
/// version to version.
fn refs(said: &str) -> Option<u64> {
    let count = said.lines().find_map(|line| {
        let (label, count) = line.split_once("refs:")?;
        label.trim_end().ends_with(" I").then_some(count)
    })?;
    count.trim().replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_however_wide_it_is_set() {
        for said in ["==7== \n==7== I   refs:      40,407,538\n", "==7== I refs:  40,407,538"] {
            assert_eq!(refs(said), Some(40_407_538), "{said}");
        }
        assert_eq!(refs("==7== LL refs:  405,408"), None);
    }
}
