//! The guest in C: `examples/policy-c/`, made by PyPI's `ziglang`, which is Clang, a linker and a C
//! library in one package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::component::{self, World};
use super::write;
use crate::repo::Repo;
use crate::run::run;

const FLAGS: &str = "--target=wasm32-wasi -mexec-model=reactor -std=c23 -O2 -flto \
    -Wall -Wextra -Werror \
    -Wl,--strip-all -Wl,--initial-memory=1048576 -Wl,-z,stack-size=65536";

pub(super) fn build(repo: &Repo) -> Result<()> {
    let zig = install(repo)?;
    let folder = repo.target("guests/c");
    fs::create_dir_all(&folder)?;
    let module = folder.join("rate-limit.wasm");
    run(Command::new(zig)
        .arg("cc")
        .args(FLAGS.split_whitespace())
        .args(["-isystem", "bindings", "--embed-dir=../../policies/rate-limit"])
        .args(["policy.c", "bindings/policy_guest.c", "-o"])
        .arg(&module)
        .current_dir(repo.path("examples/policy-c"))
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("cache"))
        .env("ZIG_LOCAL_CACHE_DIR", folder.join("cache")))?;
    let mut module = fs::read(module)?;
    component::embed(repo, &mut module, World::Contract)?;
    write(repo, "c/rate-limit", &component::encode(&module)?)?;
    Ok(())
}

/// The compiler; pip fetches it unless the wanted version is there.
fn install(repo: &Repo) -> Result<PathBuf> {
    let folder = repo.target("tools/ziglang");
    let zig = folder.join("ziglang/zig");
    let wanted = repo.path("examples/policy-c/requirements.txt");
    let stamp = folder.join("requirements.txt");
    let text = fs::read_to_string(&wanted)?;
    if zig.is_file() && fs::read_to_string(&stamp).is_ok_and(|found| found == text) {
        return Ok(zig);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-compile", "--target"])
        .arg(&folder)
        .arg("-r")
        .arg(wanted)
        // It warns root of breaking the system, which `--target` does not touch.
        .env("PIP_ROOT_USER_ACTION", "ignore"))
    .context("hint: the guest in C needs Python 3 with pip")?;
    fs::write(stamp, text)?;
    Ok(zig)
}
