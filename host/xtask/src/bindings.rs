//! `cargo xtask bindings`: the guests' bindings, generated from `wit/` and committed.
//!
//! They are committed because generating them in each guest's build costs ten times the build
//! itself. `--check` keeps the copies true to the contract.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::WithOption;

use crate::repo::Repo;

/// The world that policies implement.
const POLICY: &str = "policy-guest";
/// The world that tools implement.
const TOOL: &str = "tool-guest";
/// Interfaces of both worlds: tools use the types that policies have.
const SHARED: &[&str] = &["types", "execution", "storage", "log"];

/// Generated code follows its generator's habits, not ours.
const RUST_HEADER: &str = "\
//! The contract as Rust code, generated from `wit/` by `cargo xtask bindings`: do not edit.
//!
//! Hidden behind the SDK's own API, which is what policies are written against.
#![allow(missing_docs, unreachable_pub, unsafe_code, unsafe_op_in_unsafe_fn)]
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used)]
#![cfg_attr(rustfmt, rustfmt_skip)]

";

/// Writes the bindings, or with `check` fails if a committed file differs.
pub(crate) fn run(repo: &Repo, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (path, contents) in generate(repo)? {
        if fs::read(&path).is_ok_and(|old| old == contents) {
            continue;
        }
        if check {
            stale.push(repo.short(&path).to_string());
            continue;
        }
        let folder = path.parent().expect("bindings lie in a folder");
        fs::create_dir_all(folder)?;
        fs::write(&path, contents).with_context(|| format!("cannot write `{}`", path.display()))?;
        println!("wrote {}", repo.short(&path));
    }
    if !stale.is_empty() {
        bail!(
            "the bindings are not those of `wit/`: {}\nhint: run `cargo xtask bindings` and commit",
            stale.join(", ")
        );
    }
    Ok(())
}

/// Every generated file with its contents.
fn generate(repo: &Repo) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = vec![
        (repo.path("sdk/rust/src/bindings.rs"), rust(repo, POLICY)?.into_bytes()),
        (repo.path("sdk/rust/src/tool_bindings.rs"), rust(repo, TOOL)?.into_bytes()),
    ];
    for (name, source) in c(repo)? {
        files.push((repo.path("examples/policy-c/bindings").join(name), source.into_bytes()));
    }
    Ok(files)
}

/// The C generator's header and source. The type of the world, which it would put into an object
/// file, is added when a component is made.
fn c(repo: &Repo) -> Result<Vec<(String, String)>> {
    let options = wit_bindgen_c::Opts { no_object_file: true, ..Default::default() };
    generate_world(repo, POLICY, options.build().as_mut())
}

fn rust(repo: &Repo, world: &str) -> Result<String> {
    let shared = |name: &&str| {
        let path = format!("crate::bindings::writ::host::{name}");
        (format!("writ:host/{name}@0.1.0"), WithOption::Path(path))
    };
    let (module, with) = match world {
        TOOL => ("tool_bindings", SHARED.iter().map(shared).collect()),
        _ => ("bindings", Vec::new()),
    };
    let mut generator = wit_bindgen_rust::Opts {
        format: true,
        generate_all: true,
        pub_export_macro: true,
        with,
        default_bindings_module: Some(format!("writ_sdk::{module}")),
        runtime_path: Some("::wit_bindgen::rt".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..Default::default()
    }
    .build();
    let files = generate_world(repo, world, &mut generator)?;
    let (_, source) = files.into_iter().next().context("the Rust generator wrote no file")?;
    Ok(format!("{RUST_HEADER}{source}"))
}

/// Runs one generator over the contract; the files have names as the generator chose them.
fn generate_world(
    repo: &Repo,
    world: &str,
    generator: &mut dyn WorldGenerator,
) -> Result<Vec<(String, String)>> {
    let (mut resolve, world) = parsed(repo, world)?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    files
        .iter()
        .map(|(name, bytes)| Ok((name.to_owned(), String::from_utf8(bytes.to_vec())?)))
        .collect()
}

/// The parsed contract and the world of policies.
pub(crate) fn contract(repo: &Repo) -> Result<(Resolve, WorldId)> {
    parsed(repo, POLICY)
}

fn parsed(repo: &Repo, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repo.path("wit")).context("cannot read `wit/`")?;
    let world = resolve.select_world(&[package], Some(world))?;
    Ok((resolve, world))
}
