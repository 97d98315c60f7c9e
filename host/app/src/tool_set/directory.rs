//! A directory that is granted to a tool: opened once, and everything in it by a name from there.
//!
//! Files are opened through a directory handle (cap-std), so neither `..` nor a symbolic link leads
//! outside, whoever changes what in between. All of it waits for the disk: call it where that is
//! allowed.

use std::io::{self, Read, Write};

use cap_std::fs::{Dir, OpenOptions};
use serde::Deserialize;
use writ_core::files::{ENTRIES_MAX, FILE_BYTES_MAX, FileError, OWN_PREFIX, check_name};

use crate::config::root::Root;

/// What a tool may do in its directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read and list files.
    #[default]
    Read,
    /// Write and remove them, too.
    ReadWrite,
}

/// A directory that is open.
#[derive(Debug)]
pub struct Directory {
    dir: Dir,
    access: Access,
}

/// A directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing has this name.
    #[error("there is no directory `{0}` in the configuration's directory")]
    Missing(String),
    /// The name leads outside.
    #[error("`{0}` leads outside of the configuration's directory")]
    Outside(String),
    /// It is a file.
    #[error("`{0}` is no directory")]
    NoDirectory(String),
    /// The operating system refused.
    #[error("`{0}` cannot be opened: {1}")]
    Io(String, io::Error),
}

impl OpenError {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "make it, or give its path from the directory that the configuration stands in"
            }
            Self::Outside(_) => {
                "tools get directories in that directory only; mount or move it there"
            }
            Self::NoDirectory(_) => "give the path of a directory",
            Self::Io(..) => "let the user that this program runs as read it",
        }
    }
}

impl Directory {
    /// Opens a directory of the configuration's.
    ///
    /// # Errors
    /// Each of [`OpenError`].
    pub fn open(root: &Root, path: &str, access: Access) -> Result<Self, OpenError> {
        let dir = root.dir().open_dir(path).map_err(|error| {
            let path = path.to_owned();
            match FileError::from_io(&error) {
                FileError::NotFound => OpenError::Missing(path),
                FileError::NameInvalid(_) => OpenError::Outside(path),
                FileError::OtherKind => OpenError::NoDirectory(path),
                _ => OpenError::Io(path, error),
            }
        })?;
        Ok(Self { dir, access })
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::ReadOnly`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        check_name(name)?;
        // A pipe would be waited for when it is opened.
        if !self.dir.metadata(name).map_err(refused)?.is_file() {
            return Err(FileError::OtherKind);
        }
        let mut bytes = Vec::new();
        let file = self.dir.open(name).map_err(refused)?;
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(refused)?;
        check_bytes(&bytes)?;
        Ok(bytes)
    }

    /// Makes bytes the whole of a file, by way of another one that is renamed once it is durable.
    /// `writer` names that one: no two may write at once under one such name.
    ///
    /// # Errors
    /// Each of [`FileError`]; then the file is as it was.
    pub fn write(&self, name: &str, bytes: &[u8], writer: &str) -> Result<(), FileError> {
        let (parent, file) = self.to_change(name)?;
        check_bytes(bytes)?;
        match self.dir.metadata(name) {
            Ok(metadata) if !metadata.is_file() => return Err(FileError::OtherKind),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        let unfinished = format!("{OWN_PREFIX}{writer}");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let mut opened = parent.open_with(&unfinished, &options).map_err(refused)?;
        let written = opened.write_all(bytes).and_then(|()| opened.sync_all());
        let renamed = written.and_then(|()| parent.rename(&unfinished, &parent, file));
        renamed.and_then(|()| settle(&parent)).map_err(refused)
    }

    /// What a directory holds, in byte order; directories with a `/` behind.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::ReadOnly`].
    pub fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let opened = match directory {
            "" => self.dir.try_clone(),
            _ => {
                check_name(directory)?;
                self.dir.open_dir(directory)
            }
        };
        let opened = opened.map_err(refused)?;
        let mut names = Vec::new();
        for (count, entry) in opened.entries().map_err(refused)?.enumerate() {
            if count >= ENTRIES_MAX {
                let text = format!("the directory has more than {ENTRIES_MAX} entries");
                return Err(FileError::LimitExceeded(text));
            }
            // Names that are no text cannot be asked for.
            let Ok(name) = entry.map_err(refused)?.file_name().into_string() else { continue };
            if name.starts_with(OWN_PREFIX) {
                continue;
            }
            match opened.metadata(&name) {
                Ok(metadata) if metadata.is_dir() => names.push(format!("{name}/")),
                Ok(metadata) if metadata.is_file() => names.push(name),
                // Pipes, devices, and links that lead nowhere or outside.
                _ => {}
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes a file; whether it was there.
    ///
    /// # Errors
    /// Each of [`FileError`] but [`FileError::LimitExceeded`].
    pub fn remove(&self, name: &str) -> Result<bool, FileError> {
        let (parent, file) = match self.to_change(name) {
            Err(FileError::NotFound) => return Ok(false),
            found => found?,
        };
        if parent.symlink_metadata(file).is_ok_and(|kind| kind.is_dir()) {
            return Err(FileError::OtherKind);
        }
        match parent.remove_file(file) {
            Ok(()) => settle(&parent).map(|()| true).map_err(refused),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }

    /// The directory that holds a file which is to be changed, and its name there.
    fn to_change<'a>(&self, name: &'a str) -> Result<(Dir, &'a str), FileError> {
        check_name(name)?;
        if self.access == Access::Read {
            return Err(FileError::ReadOnly);
        }
        let parent = match name.rsplit_once('/') {
            None => self.dir.try_clone().map(|dir| (dir, name)),
            Some((parent, file)) => self.dir.open_dir(parent).map(|dir| (dir, file)),
        };
        parent.map_err(refused)
    }
}

/// Makes a directory's names durable.
fn settle(directory: &Dir) -> io::Result<()> {
    // The handle itself only leads there; a file is one that can be made durable.
    directory.open(".")?.sync_all()
}

fn check_bytes(bytes: &[u8]) -> Result<(), FileError> {
    match bytes.len() <= FILE_BYTES_MAX {
        true => Ok(()),
        false => {
            Err(FileError::LimitExceeded(format!("the file has more than {FILE_BYTES_MAX} bytes")))
        }
    }
}

fn refused(error: io::Error) -> FileError {
    FileError::from_io(&error)
}

/// What an error of the operating system, or of cap-std, is to a tool.
trait FromIo {
    fn from_io(error: &io::Error) -> Self;
}

impl FromIo for FileError {
    fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            // cap-std's own error: the operating system's has a number.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                Self::NameInvalid("the name leads outside of the directory".to_owned())
            }
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Self::OtherKind,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory in which there is a file, and beside which there is another.
    fn directory(access: Access) -> (tempfile::TempDir, Directory) {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("inside");
        std::fs::create_dir_all(inside.join("below")).unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::write(inside.join("file"), "f").unwrap();
        symlink("../secret", inside.join("out")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        symlink("file", inside.join("in")).unwrap();
        let root = Root::open(outside.path()).unwrap();
        let directory = Directory::open(&root, "inside", access).unwrap();
        (outside, directory)
    }

    #[test]
    fn what_is_written_is_read_listed_and_removed() {
        let (_outside, directory) = directory(Access::ReadWrite);
        directory.write("below/new", b"1", "w").unwrap();
        directory.write("below/new", b"2", "w").unwrap();
        assert_eq!(directory.read("below/new").unwrap(), b"2");
        assert_eq!(directory.list("").unwrap(), ["below/", "file", "in"]);
        assert_eq!(directory.list("below").unwrap(), ["new"]);
        assert_eq!(directory.remove("below/new"), Ok(true));
        assert_eq!(directory.remove("below/new"), Ok(false));
        assert_eq!(directory.remove("absent/new"), Ok(false));
        assert_eq!(directory.read("below/new"), Err(FileError::NotFound));
        assert_eq!(directory.write("absent/new", b"", "w"), Err(FileError::NotFound));
    }

    #[test]
    fn no_name_leads_outside() {
        let (outside, directory) = directory(Access::ReadWrite);
        for name in ["out", "up/secret", "../secret", "/etc/passwd"] {
            let is_refused = |error| matches!(error, FileError::NameInvalid(_));
            assert!(is_refused(directory.read(name).unwrap_err()), "{name}");
            assert!(is_refused(directory.write(name, b"", "w").unwrap_err()), "{name}");
        }
        for name in ["up", "..", "/"] {
            assert!(matches!(directory.list(name), Err(FileError::NameInvalid(_))), "{name}");
        }
        assert!(matches!(directory.remove("up/secret"), Err(FileError::NameInvalid(_))));
        // A link is removed as itself.
        assert_eq!(directory.remove("out"), Ok(true));
        assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"s");
        assert_eq!(directory.read("in").unwrap(), b"f", "it stays inside");
    }

    #[test]
    fn what_is_read_only_or_of_another_kind_or_too_large_is_refused() {
        let (outside, directory) = directory(Access::Read);
        assert_eq!(directory.write("file", b"", "w"), Err(FileError::ReadOnly));
        assert_eq!(directory.remove("file"), Err(FileError::ReadOnly));
        assert_eq!(directory.read("below"), Err(FileError::OtherKind));
        assert_eq!(directory.list("file"), Err(FileError::OtherKind));
        let inside = outside.path().join("inside");
        std::fs::write(inside.join("large"), vec![0; FILE_BYTES_MAX + 1]).unwrap();
        assert!(matches!(directory.read("large"), Err(FileError::LimitExceeded(_))));
        for number in 0..=ENTRIES_MAX {
            std::fs::write(inside.join("below").join(number.to_string()), "").unwrap();
        }
        assert!(matches!(directory.list("below"), Err(FileError::LimitExceeded(_))));
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let (outside, _) = directory(Access::Read);
        let root = Root::open(&outside.path().join("inside")).unwrap();
        let check = |path: &str, told: &str| {
            let error = Directory::open(&root, path, Access::Read).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        };
        check("absent", "there is no directory `absent`");
        check("file", "`file` is no directory");
        check("..", "leads outside");
        check("up", "leads outside");
    }
}
