//! `cargo xtask guests`: every component that the host's tests load, made from source.
//!
//! They lie in `target/guests/components/`: the starter policies and the example tools as
//! `NAME.wasm`, guests that misbehave below `hostile/`, the other languages' below `javascript/` and
//! `c/`.

mod bombs;
mod c;
mod component;
mod debian;
pub(crate) mod dist;
mod hostile;
mod javascript;
mod rust;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::repo::Repo;
use crate::run::step;
use dist::Dist;
pub(crate) use toolchain::Source;
use toolchain::Toolchain;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also the guests in JavaScript and C, which need Node and Python.
    #[arg(long)]
    pub(crate) all: bool,
    /// Write the starter policies to `policies/dist/`, where they changed.
    #[arg(long)]
    pub(crate) update_dist: bool,
    /// Where the guests' compiler comes from.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) toolchain: Source,
}

/// What was built, for the checks that follow.
pub(crate) struct Built {
    pub(crate) starters: Vec<PathBuf>,
    pub(crate) toolchain: String,
}

/// Builds the guests.
pub(crate) fn run(repo: &Repo, options: &Options) -> Result<Built> {
    let toolchain = step("compiler for guests", || Toolchain::prepare(repo, options.toolchain))?;
    step("guests that misbehave", || {
        rust::hostile(repo, &toolchain)?;
        hostile::build(repo)
    })?;
    if options.all {
        step("guest in JavaScript", || javascript::build(repo))?;
        step("guest in C", || c::build(repo))?;
    }
    step("example tools", || rust::tools(repo, &toolchain).map(drop))?;
    let starters = step("starter policies", || rust::starters(repo, &toolchain))?;
    if options.update_dist {
        Dist::of(repo).update(&starters, toolchain.version())?;
    }
    Ok(Built { starters, toolchain: toolchain.version().to_owned() })
}

/// Where finished components lie, below `target/`.
fn components_dir(repo: &Repo) -> PathBuf {
    repo.target("guests/components")
}

/// Writes a component where the tests look for it; returns the path.
fn write(repo: &Repo, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = components_dir(repo).join(name).with_extension("wasm");
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("{:>9} bytes  {}", bytes.len(), repo.short(&path));
    Ok(path)
}
