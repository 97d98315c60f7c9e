//! The guest in JavaScript: `examples/policy-javascript/`, made by npm's `componentize-qjs`.
//!
//! Built in a copy below `target/`, so that no `node_modules` lies among the sources.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::write;
use crate::repo::Repo;
use crate::run::run;

const SOURCES: [&str; 3] = ["package.json", "package-lock.json", "policy.js"];

pub(super) fn build(repo: &Repo) -> Result<()> {
    let source = repo.path("examples/policy-javascript");
    let folder = repo.target("guests/javascript");
    fs::create_dir_all(&folder)?;
    let install = !same(&source, &folder, "package-lock.json");
    for name in SOURCES {
        fs::copy(source.join(name), folder.join(name))?;
    }
    copy_contract(repo, &folder.join("wit"))?;
    let schema = fs::read_to_string(repo.path("policies/rate-limit/settings.schema.json"))?;
    let schema = serde_json::to_string(&schema)?;
    fs::write(folder.join("settings-schema.js"), format!("export default {schema};\n"))?;
    if install {
        npm(&folder, &["ci", "--no-audit", "--no-fund"])
            .inspect_err(|_| drop(fs::remove_file(folder.join("package-lock.json"))))?;
    }
    npm(&folder, &["run", "--silent", "build"])?;
    let component = fs::read(folder.join("rate-limit.wasm"))?;
    write(repo, "javascript/rate-limit", &component)?;
    Ok(())
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    run(Command::new("npm").arg("--loglevel=error").args(arguments).current_dir(folder))
        .context("hint: the guest in JavaScript needs Node 20 with npm")
}

fn copy_contract(repo: &Repo, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(repo.path("wit"))? {
        let path = entry?.path();
        fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

fn same(one: &Path, other: &Path, name: &str) -> bool {
    let (one, other) = (fs::read(one.join(name)), fs::read(other.join(name)));
    matches!((one, other), (Ok(one), Ok(other)) if one == other)
}
