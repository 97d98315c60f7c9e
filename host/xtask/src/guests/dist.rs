//! `policies/dist/`: the starter policies as they are committed and embedded in the binary.
//!
//! People who only have Rust for their own machine get the policies from there. `SHA256SUMS` is
//! what `sha256sum -c` reads; `TOOLCHAIN` names the compiler, since another one makes other bytes
//! of the same source.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::repo::Repo;

const SUMS: &str = "SHA256SUMS";
const TOOLCHAIN: &str = "TOOLCHAIN";

/// The committed components.
pub(crate) struct Dist {
    folder: PathBuf,
}

impl Dist {
    pub(crate) fn of(repo: &Repo) -> Self {
        Self { folder: repo.path("policies/dist") }
    }

    /// Makes the folder hold exactly `built`; files that are equal already are not touched.
    pub(crate) fn update(&self, built: &[PathBuf], toolchain: &str) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut wanted = BTreeMap::new();
        for path in built {
            wanted.insert(file_name(path), fs::read(path)?);
        }
        for name in components(&self.folder)?.keys() {
            if !wanted.contains_key(name) {
                fs::remove_file(self.folder.join(name))?;
                println!("removed {name}");
            }
        }
        let sums = sums(&wanted);
        wanted.insert(SUMS.to_owned(), sums.into_bytes());
        wanted.insert(TOOLCHAIN.to_owned(), format!("{toolchain}\n").into_bytes());
        for (name, bytes) in wanted {
            let path = self.folder.join(&name);
            if !fs::read(&path).is_ok_and(|old| old == bytes) {
                fs::write(&path, bytes)?;
                println!("wrote policies/dist/{name}");
            }
        }
        Ok(())
    }

    /// Fails if `SHA256SUMS` is not the list of the files that lie beside it.
    pub(crate) fn check_sums(&self) -> Result<()> {
        let listed = fs::read_to_string(self.folder.join(SUMS)).with_context(|| {
            format!("policies/dist/{SUMS} is missing\nhint: run `cargo xtask guests --update-dist`")
        })?;
        let found = sums(&components(&self.folder)?);
        ensure!(
            listed == found,
            "policies/dist/{SUMS} does not list the files beside it\nlisted:\n{listed}found:\n{found}\
             hint: run `cargo xtask guests --update-dist`"
        );
        println!("{} committed components have the listed digests", found.lines().count());
        Ok(())
    }

    /// Fails if a committed component is not what its source makes now. Only the compiler that made
    /// the committed ones can tell; with another one this says so and passes.
    pub(crate) fn check_fresh(&self, built: &[PathBuf], toolchain: &str) -> Result<()> {
        let made_by = fs::read_to_string(self.folder.join(TOOLCHAIN)).unwrap_or_default();
        if made_by.trim() != toolchain {
            println!(
                "not compared with the source, since another compiler made them: {}",
                made_by.trim()
            );
            return Ok(());
        }
        let stale = built
            .iter()
            .filter(|path| !same_bytes(path, &self.folder.join(file_name(path))))
            .map(|path| file_name(path))
            .collect::<Vec<_>>();
        if !stale.is_empty() {
            bail!(
                "policies/dist/ is older than its source: {}\nhint: run `cargo xtask guests \
                 --update-dist` and commit",
                stale.join(", ")
            );
        }
        println!("the committed components are what their source makes");
        Ok(())
    }
}

/// The components of a folder by file name.
fn components(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            found.insert(file_name(&path), fs::read(&path)?);
        }
    }
    Ok(found)
}

/// The list in the form that `sha256sum -c` reads.
fn sums(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut text = String::new();
    for (name, bytes) in files {
        for byte in Sha256::digest(bytes) {
            write!(text, "{byte:02x}").expect("a string takes any text");
        }
        writeln!(text, "  {name}").expect("a string takes any text");
    }
    text
}

fn same_bytes(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dist_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Dist, PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let built = temporary.path().join(name);
        fs::write(&built, bytes).unwrap();
        let folder = temporary.path().join("dist");
        (temporary, Dist { folder }, built)
    }

    #[test]
    fn an_updated_folder_passes_both_checks() {
        let (_keep, dist, built) = dist_with("rules.wasm", b"one");
        dist.update(std::slice::from_ref(&built), "rustc 1").unwrap();
        dist.check_sums().unwrap();
        dist.check_fresh(&[built], "rustc 1").unwrap();
    }

    #[test]
    fn a_changed_component_is_found_by_its_digest() {
        let (_keep, dist, built) = dist_with("rules.wasm", b"one");
        dist.update(&[built], "rustc 1").unwrap();
        fs::write(dist.folder.join("rules.wasm"), b"two").unwrap();
        let error = dist.check_sums().unwrap_err().to_string();
        assert!(error.contains("does not list the files"), "{error}");
    }

    #[test]
    fn a_component_that_is_not_listed_is_found() {
        let (_keep, dist, built) = dist_with("rules.wasm", b"one");
        dist.update(&[built], "rustc 1").unwrap();
        fs::write(dist.folder.join("smuggled.wasm"), b"two").unwrap();
        assert!(dist.check_sums().is_err());
    }

    #[test]
    fn a_stale_component_is_found_by_the_compiler_that_made_it_only() {
        let (_keep, dist, built) = dist_with("rules.wasm", b"one");
        dist.update(std::slice::from_ref(&built), "rustc 1").unwrap();
        fs::write(&built, b"two").unwrap();
        let built = [built];
        let error = dist.check_fresh(&built, "rustc 1").unwrap_err().to_string();
        assert!(error.contains("older than its source: rules.wasm"), "{error}");
        dist.check_fresh(&built, "rustc 2").unwrap();
    }
}
