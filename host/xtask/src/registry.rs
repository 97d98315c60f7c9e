//! An OCI registry for the tests: Debian's packages, where there are none.
//!
//! Tests start registries of their own with its program, and make certificates for them.

use anyhow::Result;

use crate::packages;

/// What is needed: each program is in the package of its name.
const PROGRAMS: [&str; 2] = ["docker-registry", "openssl"];

/// Installs the packages, unless their programs are there.
pub(crate) fn prepare() -> Result<()> {
    if PROGRAMS.iter().all(|program| packages::is_there(program)) {
        println!("found on the PATH");
        return Ok(());
    }
    let hint = "cannot install a registry\nhint: run `apt-get install docker-registry openssl` as \
                root, or put `docker-registry` and `openssl` on the PATH";
    packages::install(&PROGRAMS, hint)
}
