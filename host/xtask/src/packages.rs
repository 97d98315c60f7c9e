//! Debian's packages, for the tests: installed where they are not there.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run::run;

/// Installs packages; `hint` says what to do where that fails.
pub(crate) fn install(packages: &[&str], hint: &'static str) -> Result<()> {
    let install = || {
        let mut apt = apt();
        run(apt.args(["-qq", "--no-install-recommends", "-y", "install"]).args(packages))
    };
    install()
        .or_else(|_| {
            // Lists that are not there, or older than the archive.
            run(apt().args(["-qq", "update"]))?;
            install()
        })
        .context(hint)
}

/// Whether a program is on the PATH.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).exists())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
