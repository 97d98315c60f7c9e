//! The compiler that makes guests: a Rust compiler with `wasm32-unknown-unknown`.
//!
//! The host's own compiler serves where it has the target or rustup can fetch it; otherwise a
//! private one is made from Debian's packages (`debian.rs`). The host itself is never built with it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::debian;
use crate::repo::Repo;
use crate::run::{cargo, read, succeeds};

/// There is no WASI to import on this target, which is right for a policy.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Where the guests' compiler comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The host's compiler if it has the target or can get it, Debian's otherwise.
    Auto,
    /// The host's compiler.
    Host,
    /// Debian's packages, unpacked below `target/`.
    Debian,
}

/// A compiler that is ready to make guests.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// None: the one that cargo uses by itself.
    private: Option<debian::Sysroot>,
    version: String,
}

impl Toolchain {
    /// Finds or makes the compiler.
    pub(crate) fn prepare(repo: &Repo, source: Source) -> Result<Self> {
        let host_serves = match source {
            Source::Auto => host_has_target() || rustup_adds_target(),
            Source::Host if host_has_target() || rustup_adds_target() => true,
            Source::Host => bail!("the host's compiler has no target `{TARGET}`"),
            Source::Debian => false,
        };
        let private = match host_serves {
            true => None,
            false => Some(debian::Sysroot::prepare(repo)?),
        };
        let rustc = private
            .as_ref()
            .map_or_else(|| PathBuf::from("rustc"), |sysroot| sysroot.rustc.clone());
        let version = describe(&rustc)?;
        println!("guests are compiled by {version}");
        Ok(Self { private, version })
    }

    /// One line that names the compiler and the machine it runs on. Equal lines make equal bytes.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A cargo command with this compiler, and without paths of this machine in what it makes.
    pub(crate) fn cargo(&self, repo: &Repo) -> Command {
        let mut command = cargo();
        command
            .current_dir(repo.path(""))
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(repo).join("\u{1f}"));
        if let Some(sysroot) = &self.private {
            command
                .env("RUSTC", &sysroot.rustc)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &sysroot.linker);
        }
        command
    }

    fn flags(&self, repo: &Repo) -> Vec<String> {
        let mut remaps = vec![(repo.path(""), "/writ"), (repo.target("guests"), "/target")];
        remaps.extend(sources_of_dependencies().into_iter().map(|from| (from, "/cargo")));
        if let Some(sysroot) = &self.private {
            remaps.push((sysroot.source.clone(), "/rust"));
        }
        remaps.iter().map(|(from, to)| remap(from, to)).collect()
    }
}

/// A flag that hides a folder of this machine.
pub(super) fn remap(from: &Path, to: &str) -> String {
    // A trailing slash would not match the folder's own name.
    let from = from.components().collect::<PathBuf>();
    format!("--remap-path-prefix={}={to}", from.display())
}

/// Where cargo keeps the sources of dependencies: its home, and the folder of each registry, whose
/// name tells where packages came from. Of two that match, the compiler takes the later.
pub(super) fn sources_of_dependencies() -> Vec<PathBuf> {
    let default = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo");
    let home = env::var_os("CARGO_HOME").map_or_else(default, PathBuf::from);
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten();
    let mut folders: Vec<_> = registries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders.insert(0, home);
    folders
}

fn host_has_target() -> bool {
    let libraries =
        read(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    libraries.is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn rustup_adds_target() -> bool {
    println!("trying `rustup target add {TARGET}`");
    succeeds(Command::new("rustup").args(["target", "add", TARGET])) && host_has_target()
}

fn describe(rustc: &Path) -> Result<String> {
    let text = read(Command::new(rustc).arg("-vV"))?;
    let first = text.lines().next().context("`rustc -vV` printed nothing")?;
    let host = text
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`rustc -vV` named no host")?;
    Ok(format!("{first} on {host}"))
}
