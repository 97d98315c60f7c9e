//! The store's files: one directory, for its owner only, and one host at a time.
//!
//! SQLite's own locks keep two hosts from damaging the file, but not from each holding in memory
//! what the other has changed. So a host holds a lock of its own for as long as it may write.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::config::StoreConfig;
use crate::error::StoreError;

const DATABASE: &str = "writ.db";
const LOCK: &str = "writ.lock";

/// Held while this process may write; the operating system frees it when the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock(File);

impl Drop for DirectoryLock {
    /// Closing the file would not do while a process that was just forked has it, until it executes
    /// its program.
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

/// The database of a directory.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// Creates the directory and the files where they do not exist, and locks them. The directory's
/// path is absolute from then on.
pub(crate) fn claim(config: StoreConfig) -> Result<(StoreConfig, DirectoryLock), StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |reason| StoreError::File { path, reason }
    };
    let directory = &config.directory;
    create_directory(directory).map_err(failed(directory))?;
    // Absolute, so that SQLite takes no name for a URI or for a database in memory.
    let directory = directory.canonicalize().map_err(failed(directory))?;
    let path = directory.join(LOCK);
    let file = create_file(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { directory }),
        Err(TryLockError::Error(reason)) => return Err(failed(&path)(reason)),
    }
    // SQLite gives its other files the permissions of this one.
    let path = database(&directory);
    create_file(&path).map_err(failed(&path))?;
    Ok((StoreConfig { directory, ..config }, DirectoryLock(file)))
}

fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens a file, and creates it where it does not exist. A symbolic link is refused: on Unix as the file is
/// opened, elsewhere by a look before. SQLite opens its own again by name, and follows what is there then.
fn create_file(path: &Path) -> io::Result<File> {
    let link = || io::Error::other("it is a symbolic link");
    if cfg!(not(unix)) && path.is_symlink() {
        return Err(link());
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let opened = options.read(true).write(true).create(true).truncate(false).open(path);
    // Systems have different words for a link, and none that says so.
    opened.map_err(|error| if path.is_symlink() { link() } else { error })
}
