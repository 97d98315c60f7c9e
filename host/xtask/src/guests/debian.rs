//! A private Rust compiler for guests, unpacked from Debian's packages below `target/`.
//!
//! For machines where rustup cannot fetch the standard library of `wasm32-unknown-unknown`:
//! Debian ships a compiler with the library's source, from which it is built once (a minute).
//! Nothing is installed: the packages are only unpacked, and rustup's toolchain stays as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::toolchain::{TARGET, remap, sources_of_dependencies};
use crate::repo::Repo;
use crate::run::{cargo, read, run, succeeds};

/// Changes with this file, so that an older folder is made anew.
const RECIPE: &str = "1";

/// The standard library is built as a dependency of this empty crate.
const SEED: &str = "[package]
name = \"std-seed\"
version = \"0.0.0\"
edition = \"2021\"
[lib]
path = \"lib.rs\"
[profile.release]
opt-level = 3
panic = \"abort\"
[workspace]
";

/// The unpacked compiler.
#[derive(Debug)]
pub(super) struct Sysroot {
    /// A script that runs it with its own libraries.
    pub(super) rustc: PathBuf,
    /// The linker of the host's own toolchain.
    pub(super) linker: PathBuf,
    /// The standard library's source, whose path is hidden from guests.
    pub(super) source: PathBuf,
}

impl Sysroot {
    /// Makes the compiler, unless an earlier run did.
    pub(super) fn prepare(repo: &Repo) -> Result<Self> {
        let folder = repo.target("guest-toolchain");
        let sysroot = Self {
            rustc: folder.join("rustc"),
            linker: host_linker()?,
            source: folder.join("usr/lib/rustlib/src/rust"),
        };
        let stamp = folder.join("stamp");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == RECIPE) {
            return Ok(sysroot);
        }
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        download(&folder)?;
        unpack(&folder)?;
        write_wrapper(&sysroot.rustc, &folder)?;
        build_std(&sysroot, &folder)?;
        fs::write(stamp, RECIPE)?;
        Ok(sysroot)
    }
}

/// Fetches the packages; the lists of packages are updated if they are not there.
fn download(folder: &Path) -> Result<()> {
    if !succeeds(Command::new("apt-cache").args(["show", "rustc-web"])) {
        println!("updating the lists of Debian's packages");
        run(Command::new("apt-get").args(["-qq", "update"])).context(
            "cannot find Debian's compiler\nhint: run `apt-get update` as root, or `rustup target \
             add wasm32-unknown-unknown` where rustup can reach its server",
        )?;
    }
    let packages = packages()?;
    println!("downloading {}", packages.join(", "));
    let fetch = || {
        run(Command::new("apt-get").args(["-qq", "download"]).args(&packages).current_dir(folder))
    };
    fetch().or_else(|_| {
        // Lists that are older than the archive name packages that are gone.
        run(Command::new("apt-get").args(["-qq", "update"]))?;
        fetch()
    })
}

/// The compiler, its library's source, and the libraries of its own that it names.
fn packages() -> Result<Vec<String>> {
    let library = dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(&library, "libllvm")?;
    let fixed = ["rustc-web", "rust-web-src", "libstd-rust-web-dev"];
    Ok(fixed.map(str::to_owned).into_iter().chain([library, llvm]).collect())
}

/// The package that `of` depends on and whose name starts with `prefix`.
fn dependency(of: &str, prefix: &str) -> Result<String> {
    read(Command::new("apt-cache").args(["depends", of]))?
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with(prefix))
        .map(str::to_owned)
        .with_context(|| format!("Debian's package `{of}` names no `{prefix}…`"))
}

fn unpack(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg").arg("-x").arg(&package).arg(folder))?;
            fs::remove_file(package)?;
        }
    }
    Ok(())
}

fn write_wrapper(rustc: &Path, folder: &Path) -> Result<()> {
    let usr = folder.join("usr");
    let libraries = usr.join(format!("lib/{}-linux-gnu", std::env::consts::ARCH));
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        usr.join("bin/rustc").display()
    );
    fs::write(rustc, script)?;
    fs::set_permissions(rustc, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Builds the standard library and puts it where the compiler looks for it.
fn build_std(sysroot: &Sysroot, folder: &Path) -> Result<()> {
    println!("building the standard library of `{TARGET}`");
    let seed = folder.join("std");
    fs::create_dir_all(&seed)?;
    fs::write(seed.join("Cargo.toml"), SEED)?;
    fs::write(seed.join("lib.rs"), "#![no_std]\n")?;
    let mut flags = vec![
        // Guests are linked with LTO, which needs it in the library, too.
        "-Cembed-bitcode=yes".to_owned(),
        remap(&sysroot.source, "/rust"),
        remap(&fs::canonicalize(&sysroot.source)?, "/rust"),
    ];
    flags.extend(sources_of_dependencies().iter().map(|from| remap(from, "/cargo")));
    run(cargo()
        .args(["build", "--quiet", "--release", "-Zbuild-std=std,panic_abort"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(seed.join("target"))
        .current_dir(&seed)
        .env("RUSTC", &sysroot.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")))?;
    install_std(
        &seed.join("target").join(TARGET).join("release/deps"),
        &folder.join("usr/lib/rustlib").join(TARGET).join("lib"),
    )?;
    // 450 MB that nothing reads any more.
    fs::remove_dir_all(folder.join("usr/src"))?;
    fs::remove_dir_all(seed)?;
    Ok(())
}

fn install_std(built: &Path, installed: &Path) -> Result<()> {
    fs::create_dir_all(installed)?;
    let mut count = 0;
    for entry in fs::read_dir(built)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libstd_seed") {
            fs::copy(&path, installed.join(name))?;
            count += 1;
        }
    }
    ensure!(count > 0, "the standard library of `{TARGET}` was not built");
    Ok(())
}

/// `rust-lld` of the host's toolchain: any version links what any other compiled.
fn host_linker() -> Result<PathBuf> {
    let libraries = read(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let linker = Path::new(libraries.trim()).with_file_name("bin").join("rust-lld");
    ensure!(
        linker.is_file(),
        "the host's toolchain has no `rust-lld`\nhint: use a toolchain that rustup installed"
    );
    Ok(linker)
}
