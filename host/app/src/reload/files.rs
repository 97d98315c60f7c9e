//! The files that a policy set is made of, and whether they have changed.
//!
//! They are told apart by what the file system says of them, followed through symbolic links: where a
//! link leads elsewhere, as when a ConfigMap is swapped, another file is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::Origin;
use crate::policy_set::{PolicySetConfig, SIGNATURE_SUFFIX, Source};

/// How long ago a change must be to be told apart from the next one, by the coarsest of clocks that
/// file systems use.
const SETTLED: Duration = Duration::from_millis(15);
/// How many entries of a directory are looked at.
const ENTRIES_MAX: usize = 2_000;

/// Which files are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    files: BTreeSet<PathBuf>,
    /// Directories whose entries are all looked at.
    directories: BTreeSet<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    files: Files,
    /// None of what is not there.
    found: BTreeMap<PathBuf, Option<Facts>>,
}

/// What the file system says of a file, and whether it would say something else after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    state: State,
    is_settled: bool,
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Files {
    /// The configuration's file, and what a set says of others. What is built in has no files.
    pub(super) fn of(origin: &Origin, config: Option<&PolicySetConfig>) -> Self {
        let Some(file) = origin.file() else { return Self::default() };
        let mut files = Self::default();
        files.files.insert(file.to_owned());
        let root = file.parent().unwrap_or(Path::new(""));
        for binding in config.iter().flat_map(|config| &config.bindings) {
            match &binding.source {
                Source::File(name) => {
                    files.files.insert(root.join(format!("{name}{SIGNATURE_SUFFIX}")));
                    files.files.insert(root.join(name))
                }
                Source::Digest(_) | Source::Registry(_) => {
                    files.directories.insert(root.join(Source::DIRECTORY))
                }
                Source::Builtin(_) => false,
            };
            files.files.extend(binding.settings.file().map(|name| root.join(name)));
        }
        let tests = config.and_then(|config| config.tests.as_ref());
        files.directories.extend(tests.map(|name| root.join(name)));
        files
    }

    /// What they are now.
    pub(super) fn look(&self) -> Look {
        let now = SystemTime::now();
        let entries = self.directories.iter().flat_map(|directory| {
            let entries = fs::read_dir(directory).into_iter().flatten().take(ENTRIES_MAX);
            entries.filter_map(|entry| Some(entry.ok()?.path()))
        });
        let paths = self.files.iter().chain(&self.directories).cloned().chain(entries);
        let found = paths.map(|path| {
            let facts = fs::metadata(&path).ok().map(|metadata| Facts::of(&metadata, now));
            (path, facts)
        });
        Look { found: found.collect(), files: self.clone() }
    }

    /// Whether a path is one of them, as the system tells of it.
    pub(super) fn concern(&self, path: &Path) -> bool {
        let Some(directory) = path.parent() else { return false };
        let is_there = |other: &Path| absolute(other) == directory;
        let is_it = |file: &PathBuf| {
            file.file_name() == path.file_name() && file.parent().is_some_and(is_there)
        };
        self.directories.iter().any(|other| is_there(other)) || self.files.iter().any(is_it)
    }

    /// The directories in which a change shows.
    pub(super) fn places(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let parents = parents.map(|parent| named(parent).to_owned());
        parents.chain(self.directories.iter().cloned()).collect()
    }
}

/// A directory as the system tells of it.
fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(named(directory)).unwrap_or_else(|_| directory.to_owned())
}

/// A directory by a name that is not empty.
fn named(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

impl Look {
    /// Which files were looked at.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The same, where what was also looked at before counts as it was then.
    pub(super) fn seen_before(mut self, before: &Self) -> Self {
        for (path, facts) in &mut self.found {
            if let Some(earlier) = before.found.get(path) {
                *facts = *earlier;
            }
        }
        self
    }

    /// The same files, of which nothing is known.
    pub(super) fn forgotten(&self) -> Self {
        Self { files: self.files.clone(), found: BTreeMap::new() }
    }

    /// Whether the files are as they were found, as far as that can be told.
    pub(super) fn holds(&self) -> bool {
        let settled = |facts: &Option<Facts>| facts.is_none_or(|facts| facts.is_settled);
        self.found.values().all(settled) && self.files.look().is_as(self)
    }

    /// Whether the same was found, however long after the last change.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.states().eq(other.states())
    }

    fn states(&self) -> impl Iterator<Item = (&Path, Option<State>)> {
        self.found.iter().map(|(path, facts)| (path.as_path(), facts.map(|facts| facts.state)))
    }
}

impl Facts {
    fn of(metadata: &fs::Metadata, now: SystemTime) -> Self {
        let since = metadata.modified().ok().map(|at| now.duration_since(at));
        let state = State {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        Self {
            state,
            // A time in the future says nothing of when it was set.
            is_settled: since.is_none_or(|since| since.map_or(true, |since| since >= SETTLED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A look at one file of a directory, which holds once its time has passed.
    fn settled(path: &Path) -> Look {
        let files = Files { files: [path.to_owned()].into(), directories: BTreeSet::new() };
        let start = std::time::Instant::now();
        loop {
            let look = files.look();
            if look.holds() {
                return look;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it never settles: {look:?}");
            std::thread::yield_now();
        }
    }

    fn check(change: impl FnOnce(&Path), holds: bool) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        for name in ["one", "two"] {
            fs::create_dir(directory.path().join(name)).unwrap();
            fs::write(directory.path().join(name).join("f"), "1").unwrap();
        }
        symlink("one", directory.path().join("now")).unwrap();
        symlink("now/f", &path).unwrap();
        let look = settled(&path);
        change(directory.path());
        assert_eq!(look.holds(), holds);
    }

    #[test]
    fn what_was_written_replaced_swapped_or_removed_has_changed() {
        check(|_| {}, true);
        check(|root| fs::write(root.join("g"), "1").unwrap(), true);
        check(|root| fs::write(root.join("one/f"), "2").unwrap(), false);
        check(
            |root| {
                fs::write(root.join("g"), "1").unwrap();
                fs::rename(root.join("g"), root.join("f")).unwrap();
            },
            false,
        );
        check(
            |root| {
                symlink("two", root.join("next")).unwrap();
                fs::rename(root.join("next"), root.join("now")).unwrap();
            },
            false,
        );
        check(|root| fs::remove_file(root.join("one/f")).unwrap(), false);
    }

    #[test]
    fn the_system_tells_of_files_by_their_whole_names() {
        let files =
            Files { files: ["writ.toml".into()].into(), directories: ["cases".into()].into() };
        let here = std::env::current_dir().unwrap();
        for told in ["./writ.toml", "writ.toml", "cases/one.toml", "./cases/two.toml"] {
            assert!(files.concern(&here.join(told)), "{told}");
        }
        for told in ["writ.log", "cases/more/one.toml", "other/writ.toml"] {
            assert!(!files.concern(&here.join(told)), "{told}");
        }
    }

    #[test]
    fn an_entry_that_comes_to_a_directory_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let directories = [directory.path().to_owned()].into();
        let files = Files { files: BTreeSet::new(), directories };
        let before = files.look();
        fs::write(directory.path().join("case.toml"), "").unwrap();
        assert!(!before.holds());
    }
}
