//! Components by name: those that are built from source, and those that are committed.

use std::path::{Path, PathBuf};

/// A component that `cargo xtask guests` has built, such as `rate-limit` or
/// `hostile/loop-in-evaluate`.
pub fn path(name: &str) -> PathBuf {
    target().join("guests/components").join(format!("{name}.wasm"))
}

/// The bytes of such a component.
///
/// # Panics
/// If it has not been built; the text says how to.
pub fn bytes(name: &str) -> Vec<u8> {
    read(&path(name), "run `cargo xtask guests`, with `--all` for other languages than Rust")
}

/// A starter policy as it is committed.
pub fn dist_path(name: &str) -> PathBuf {
    repository().join("policies/dist").join(format!("{name}.wasm"))
}

/// The bytes of a starter policy as they are committed.
///
/// # Panics
/// If there is none of that name.
pub fn dist_bytes(name: &str) -> Vec<u8> {
    read(&dist_path(name), "run `cargo xtask guests --update-dist`")
}

/// The folder of a starter policy's cases.
pub fn cases(name: &str) -> PathBuf {
    repository().join("policies").join(name).join("cases")
}

/// The names of the starter policies that have cases, in order.
///
/// # Panics
/// If the repository cannot be read.
pub fn starters() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("policies")).expect("`policies` is a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("a folder that is listed can be read").path())
        .filter(|path| path.join("cases").is_dir())
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate lies two folders below the root").to_owned()
}

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => repository().join(target),
        None => repository().join("target"),
    }
}

fn read(path: &Path, hint: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}; {hint}", path.display()))
}
