//! Lists the committed components of the starter policies, so that `builtin.rs` embeds them.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/dist");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut components = Vec::new();
    // Absent only before the starter policies were built for the first time.
    if folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                println!("cargo::rerun-if-changed={}", path.display());
                components.push(path.canonicalize()?);
            }
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
