//! What hosts under test have compiled, kept beside their program: a host that starts with the same
//! policies as one before finds it in its own disk cache, and a start takes a fraction of the time.
//!
//! Files go in and out as hard links, whole or not at all. Nothing here has to work: whatever does
//! not is compiled again.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

/// With which a host's files are authenticated: without it, none is of use to another host.
const KEY: &str = "cache.key";

/// The files of one build of a program, and the place of hosts that share them.
#[derive(Debug)]
pub(crate) struct Compiled {
    directory: PathBuf,
    hosts: PathBuf,
}

impl Compiled {
    /// Those of `program` as it is now. What other builds have left is removed.
    ///
    /// # Panics
    /// If the program is not there, or no directory can be made beside it.
    pub(crate) fn of(program: &Path) -> &'static Self {
        static BUILT: OnceLock<Compiled> = OnceLock::new();
        BUILT
            .get_or_init(|| Self::new(program).expect("a directory can be made beside the program"))
    }

    fn new(program: &Path) -> io::Result<Self> {
        let hosts = program.with_file_name("writ-tests");
        let built = fs::metadata(program)?.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        let built = built.map_err(io::Error::other)?.as_nanos().to_string();
        let all = hosts.join("compiled");
        let directory = all.join(&built);
        let others = fs::read_dir(&all).into_iter().flatten().flatten().map(|entry| entry.path());
        for other in others.filter(|other| *other != directory) {
            // Somebody else may be removing it, too.
            fs::remove_dir_all(other).ok();
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        Ok(Self { directory, hosts })
    }

    /// Where hosts have their directories: on the same disk.
    pub(crate) fn hosts(&self) -> &Path {
        &self.hosts
    }

    /// Lends all files to a host that has its data in `data`.
    pub(crate) fn lend(&self, data: &Path) {
        let cache = data.join("cache");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&cache);
        if made.is_ok() {
            share(&self.directory, &cache);
        }
    }

    /// Keeps what a host has compiled, if the others can use it.
    pub(crate) fn keep(&self, data: &Path) {
        share(&data.join("cache"), &self.directory);
    }
}

/// Links files to where they are not yet, unless the keys are different.
fn share(from: &Path, to: &Path) {
    fs::hard_link(from.join(KEY), to.join(KEY)).ok();
    let key = |of: &Path| fs::read(of.join(KEY)).ok();
    if key(from).is_none_or(|from| Some(from) != key(to)) {
        return;
    }
    for path in code(from) {
        let name = path.file_name().unwrap_or_default();
        fs::hard_link(&path, to.join(name)).ok();
    }
}

/// The finished files of a cache.
fn code(cache: &Path) -> impl Iterator<Item = PathBuf> {
    let is_code = |path: &PathBuf| {
        path.extension().and_then(OsStr::to_str).is_some_and(|of| ["code", "ground"].contains(&of))
    };
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_code)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn cache(key: &str, files: &[&str]) -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("cache")).unwrap();
        for (name, text) in iter::once((KEY, key)).chain(files.iter().map(|name| (*name, *name))) {
            fs::write(data.path().join("cache").join(name), text).unwrap();
        }
        data
    }

    fn names(data: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(data.join("cache"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_host_finds_what_those_of_its_key_have_compiled() {
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("writ");
        fs::write(&program, "").unwrap();
        let compiled = Compiled::new(&program).unwrap();
        compiled.keep(cache("ours", &["a.code", "b.ground", "new-1"]).path());
        compiled.keep(cache("another's", &["c.code"]).path());
        let next = tempfile::tempdir().unwrap();
        compiled.lend(&next.path().join("data"));
        assert_eq!(names(&next.path().join("data")), ["a.code", "b.ground", KEY]);
    }
}
