//! Files of this user alone, in a directory of this user alone.

use std::io;

use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};

use crate::cache::disk::CacheError;

/// How names of unfinished files start.
pub(super) const ASIDE: &str = "new-";

/// Checks that nobody else can write into the directory.
pub(super) fn ours(dir: &Dir) -> Result<(), CacheError> {
    let metadata = dir.dir_metadata()?;
    let mode = metadata.mode() & 0o777;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(CacheError::NotOurs("belongs to another user".to_owned()));
    }
    if mode & 0o077 != 0 {
        return Err(CacheError::NotOurs(format!("is open to others (mode {mode:03o})")));
    }
    Ok(())
}

/// Opens a plain file, never what a symbolic link points to.
pub(super) fn open_plain(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.read(true).custom_flags(flags.bits().cast_signed());
    if dir.symlink_metadata(name)?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    let file = dir.open_with(name, &options)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file")),
    }
}

/// Makes a file that only this user can read.
pub(super) fn create(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    dir.open_with(name, options.write(true).create_new(true).mode(0o600))
}

pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A name for a file that is not finished.
pub(super) fn aside() -> io::Result<String> {
    let random = u64::from_le_bytes(random::<8>()?);
    Ok(format!("{ASIDE}{random:016x}"))
}
