//! Guests that misbehave (`policies/hostile/`), one component a rule.
//!
//! Most are Rust (`rust.rs`); here are those that Rust cannot express, written as WebAssembly text,
//! and those that attack the loading itself (`bombs.rs`).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{bombs, component, write};
use crate::repo::Repo;

/// The part that all text guests share.
const SHARED: &str = "policy.wat";

/// An `$evaluate` that behaves, for guests that misbehave elsewhere.
pub(super) const ALLOW: &str =
    "(func $evaluate (param $request i32) (result i32) (global.get $allow))";

/// Writes the components that are not Rust.
pub(super) fn build(repo: &Repo) -> Result<()> {
    for entry in fs::read_dir(repo.path("policies/hostile/wat"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != SHARED) {
            let bytes = from_text(repo, &stem(&path), &fs::read_to_string(&path)?)
                .with_context(|| format!("guest `{}`", path.display()))?;
            write(repo, &format!("hostile/{}", stem(&path)), &bytes)?;
        }
    }
    for (name, bytes) in bombs::all(repo)? {
        write(repo, &format!("hostile/{name}"), &bytes)?;
    }
    Ok(())
}

/// A policy whose `rule`, in WebAssembly text, defines `$evaluate`.
pub(super) fn from_text(repo: &Repo, name: &str, rule: &str) -> Result<Vec<u8>> {
    let shared = fs::read_to_string(repo.path("policies/hostile/wat").join(SHARED))?
        .replace("NAME", name)
        .replace("LENG", &format!("\\{:02x}\\00\\00\\00", name.len()));
    let mut module = wat::parse_str(format!("(module\n{rule}\n{shared})"))?;
    component::embed(repo, &mut module, component::World::Evil)?;
    component::encode(&module)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
