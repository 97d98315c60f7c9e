//! Guests in Rust: the starter policies, the example tools and most of the hostile ones.
//!
//! All are members of the workspace, compiled into a folder of their own (`target/guests`), since
//! their compiler may be another one than the host's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::toolchain::{TARGET, Toolchain};
use super::{component, write};
use crate::metadata::{Metadata, Package};
use crate::repo::Repo;
use crate::run::run;

/// A crate below `policies/` or `examples/`.
struct Guest {
    /// Its folder's name, which is the policy's name.
    name: String,
    package: String,
    library: String,
}

/// Builds the starter policies; returns their components' paths.
pub(super) fn starters(repo: &Repo, toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
    below(repo, toolchain, "policies")
}

/// Builds the example tools; returns their components' paths.
pub(super) fn tools(repo: &Repo, toolchain: &Toolchain) -> Result<Vec<PathBuf>> {
    below(repo, toolchain, "examples")
}

fn below(repo: &Repo, toolchain: &Toolchain, folder: &str) -> Result<Vec<PathBuf>> {
    let guests = find(repo, folder)?;
    ensure!(!guests.is_empty(), "no guest was found below `{folder}/`");
    let packages = guests.iter().flat_map(|guest| ["-p", &guest.package]);
    run(build(repo, toolchain, "guest").args(packages).arg("--lib"))?;
    guests
        .iter()
        .map(|guest| {
            let module = module(repo, "guest", &guest.library);
            finish(repo, &module, &guest.name)
        })
        .collect()
}

/// Builds the hostile guests that are Rust, each an example of one crate.
pub(super) fn hostile(repo: &Repo, toolchain: &Toolchain) -> Result<()> {
    const PACKAGE: &str = "writ-hostile";
    run(build(repo, toolchain, "guest").args([
        "-p",
        PACKAGE,
        "--examples",
        "--features",
        "guest",
    ]))?;
    let metadata = Metadata::of_members(repo)?;
    let package = metadata.packages.iter().find(|package| package.name == PACKAGE);
    let package = package.context("the workspace has no `writ-hostile`")?;
    for example in package.targets.iter().filter(|target| target.kind == ["example"]) {
        let module = module(repo, "guest/examples", &example.name);
        finish(repo, &module, &format!("hostile/{}", example.name))?;
    }
    Ok(())
}

/// A build into the guests' own folder, to which the caller adds what is to be built.
fn build(repo: &Repo, toolchain: &Toolchain, profile: &str) -> std::process::Command {
    let mut command = toolchain.cargo(repo);
    command
        .args(["build", "--quiet", "--profile", profile, "--target", TARGET])
        .arg("--target-dir")
        .arg(repo.target("guests"));
    command
}

fn module(repo: &Repo, profile: &str, target: &str) -> PathBuf {
    let file = format!("{}.wasm", target.replace('-', "_"));
    repo.target("guests").join(TARGET).join(profile).join(file)
}

fn finish(repo: &Repo, module: &Path, name: &str) -> Result<PathBuf> {
    let bytes = fs::read(module).with_context(|| format!("cannot read `{}`", module.display()))?;
    let bytes = component::encode(&bytes).with_context(|| format!("guest `{name}`"))?;
    write(repo, name, &bytes)
}

fn find(repo: &Repo, folder: &str) -> Result<Vec<Guest>> {
    let folder = repo.path(folder);
    let mut found = Metadata::of_members(repo)?
        .packages
        .iter()
        .filter_map(|package| guest(package, &folder))
        .collect::<Vec<_>>();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The guest that a package is, if it is one: a `cdylib` in a folder directly below another.
fn guest(package: &Package, parent: &Path) -> Option<Guest> {
    let folder = package.manifest_path.parent()?;
    if folder.parent()? != parent {
        return None;
    }
    let is_guest = |types: &[String]| types.iter().any(|kind| kind == "cdylib");
    let library = package
        .targets
        .iter()
        .find(|target| is_guest(&target.crate_types) && is_guest(&target.kind))?;
    Some(Guest {
        name: folder.file_name()?.to_string_lossy().into_owned(),
        package: package.name.clone(),
        library: library.name.clone(),
    })
}
