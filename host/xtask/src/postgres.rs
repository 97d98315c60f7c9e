//! PostgreSQL for the tests: Debian's package, where there is none.
//!
//! Tests start a private cluster with its programs; the one that Debian starts by itself is not
//! touched.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::packages;

/// Installs the package, unless its programs are there.
pub(crate) fn prepare() -> Result<()> {
    let found = is_there();
    if let Some(place) = found {
        println!("found in `{place}`");
        return Ok(());
    }
    let hint = "cannot install PostgreSQL\nhint: run `apt-get install postgresql` as root, or put \
                `initdb`, `pg_ctl`, `createdb` and `createuser` on the PATH";
    packages::install(&["postgresql"], hint)
}

/// Where the programs are: Debian keeps the server's own apart, a folder a version.
fn is_there() -> Option<String> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let is_whole = |folder: &Path| {
        ["initdb", "pg_ctl", "createdb", "createuser"].iter().all(|name| folder.join(name).exists())
    };
    let found = debian.chain(env::split_paths(&path)).find(|folder| is_whole(folder));
    found.map(|folder| folder.display().to_string())
}
