//! The data directory: decisions, what policies store, and compiled code.
//!
//! It belongs to this host alone. Nobody else may write into it: what is in there is trusted to be
//! what this host wrote.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt, PermissionsExt};

use crate::config::DataLocation;
use crate::config::root::Root;

/// Where compiled code is kept, inside.
const CACHE: &str = "cache";

/// What to do where a data directory cannot be used.
const OTHER: &str = "give another directory with `--data-dir`, or in `[store]`";

/// A data directory that is there and ours.
#[derive(Debug)]
pub struct DataDirectory {
    dir: Dir,
    path: PathBuf,
}

/// There is no data directory to use.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Something else has its name.
    #[error("the data directory `{0}` is a file\nhint: move the file away, or {OTHER}")]
    File(PathBuf),
    /// It is a link that leads to no directory, or out of the configuration's.
    #[error(
        "the data directory `{0}` is a symbolic link, and leads to no directory that may be used\nhint: {OTHER}"
    )]
    Link(PathBuf),
    /// It cannot be created or opened.
    #[error("the data directory `{path}` cannot be opened: {source}\nhint: {OTHER}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users may write into it.
    #[error("other users may write into the data directory `{0}`\nhint: `chmod 700 {0}`")]
    Shared(PathBuf),
    /// It is another user's.
    #[error(
        "the data directory `{0}` belongs to another user, who may change what is in it\n\
         hint: run this as that user, `chown` the directory, or {OTHER}"
    )]
    NotOurs(PathBuf),
}

impl DataDirectory {
    /// Where it is, whether or not it is there.
    pub fn path_of(location: &DataLocation, root: &Root) -> PathBuf {
        match location {
            DataLocation::Inside(name) => root.path().join(name),
            DataLocation::Given(path) => path.clone(),
        }
    }

    /// Opens it, and creates it for this user alone where it is not there.
    ///
    /// # Errors
    /// Each of [`DataError`].
    pub fn open(location: &DataLocation, root: &Root) -> Result<Self, DataError> {
        let path = Self::path_of(location, root);
        let opened = match location {
            DataLocation::Inside(name) => create(root.dir(), Path::new(name)),
            DataLocation::Given(path) => create_ambient(path),
        };
        let dir = opened.map_err(|source| DataError::new(path.clone(), source))?;
        let metadata = dir.dir_metadata();
        let metadata = metadata.map_err(|source| DataError::Io { path: path.clone(), source })?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(DataError::NotOurs(path));
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(DataError::Shared(path));
        }
        Ok(Self { dir, path })
    }

    /// The directory of compiled code, inside.
    ///
    /// # Errors
    /// Where it cannot be created or opened.
    pub fn cache(&self) -> Result<Dir, DataError> {
        create(&self.dir, Path::new(CACHE))
            .map_err(|source| DataError::new(self.cache_path(), source))
    }

    /// Where that is.
    pub fn cache_path(&self) -> PathBuf {
        self.path.join(CACHE)
    }

    /// What the file of a secret, inside, holds; none where it is not there.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn kept_secret(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self.dir.read(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Removes the file of a secret, inside.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn forget_secret(&self, name: &str) -> io::Result<()> {
        self.dir.remove_file(name)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl DataError {
    /// Looks again at what is there: the system's own words do not tell.
    fn new(path: PathBuf, source: io::Error) -> Self {
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => Self::Link(path),
            Ok(found) if !found.is_dir() => Self::File(path),
            Ok(_) | Err(_) => Self::Io { path, source },
        }
    }
}

fn create(parent: &Dir, name: &Path) -> io::Result<Dir> {
    parent.create_dir_with(name, DirBuilder::new().recursive(true).mode(0o700))?;
    parent.open_dir(name)
}

fn create_ambient(path: &Path) -> io::Result<Dir> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    Dir::open_ambient_dir(path, ambient_authority())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn open(mode: u32) -> Result<DataDirectory, DataError> {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        DataDirectory::open(
            &DataLocation::Inside("data".into()),
            &Root::open(parent.path()).unwrap(),
        )
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        assert!(matches!(open(0o777), Err(DataError::Shared(_))));
        assert!(matches!(open(0o770), Err(DataError::Shared(_))));
        assert!(open(0o750).is_ok());
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let (parent, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Who may give a directory away does so; everybody else is refused the system's.
        let given = std::os::unix::fs::chown(parent.path(), Some(65_534), None);
        let path = if given.is_ok() { parent.path() } else { Path::new("/usr") };
        let opened = DataDirectory::open(
            &DataLocation::Given(path.to_owned()),
            &Root::open(root.path()).unwrap(),
        );
        assert!(matches!(opened, Err(DataError::NotOurs(_))), "{opened:?}");
    }

    #[test]
    fn a_secret_is_there_until_it_is_forgotten() {
        let parent = tempfile::tempdir().unwrap();
        let root = Root::open(parent.path()).unwrap();
        let data = DataDirectory::open(&DataLocation::Inside("data".into()), &root).unwrap();
        assert_eq!(data.kept_secret("s").unwrap(), None);
        fs::write(parent.path().join("data/s"), "secret").unwrap();
        assert_eq!(data.kept_secret("s").unwrap().as_deref(), Some(&b"secret"[..]));
        data.forget_secret("s").unwrap();
        assert_eq!(data.kept_secret("s").unwrap(), None);
    }

    #[test]
    fn what_is_created_is_for_this_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let root = Root::open(parent.path()).unwrap();
        let data = DataDirectory::open(&DataLocation::Inside("a/b".into()), &root).unwrap();
        data.cache().unwrap();
        for path in ["a/b", "a/b/cache"] {
            let mode = fs::metadata(parent.path().join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{path}");
        }
    }
}
