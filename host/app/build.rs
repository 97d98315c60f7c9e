//! Lists the committed components of the starter policies, so that `builtin.rs` embeds them.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked when it runs: what a compiled script was told may be another checkout's.
    let package = env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?;
    let folder = Path::new(&package).join("../../policies/dist");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut components = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            println!("cargo::rerun-if-changed={}", path.display());
            components.push(path.canonicalize()?);
        }
    }
    components.sort();
    let table: String = components
        .iter()
        .map(|path| {
            let name = path.file_stem().map(|name| name.to_string_lossy()).unwrap_or_default();
            format!("Builtin {{ name: {name:?}, bytes: include_bytes!({path:?}) }},\n")
        })
        .collect();
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("builtin.rs"), format!("&[\n{table}]\n"))
}
