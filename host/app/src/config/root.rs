//! The directory that a configuration stands in: everything that it names is inside.
//!
//! Files are opened through a directory handle (cap-std), so neither `..`, nor an absolute path,
//! nor a symbolic link leads outside, and nothing can be swapped between a check and its use.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, PermissionsExt as _};

/// A directory handle, and the name under which texts speak of it.
#[derive(Debug)]
pub struct Root {
    dir: Dir,
    path: PathBuf,
}

/// A file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The name leads outside.
    #[error(
        "`{0}` leads outside of the configuration's directory\nhint: copy the file into that directory and give its path from there"
    )]
    Outside(String),
    /// Nothing has this name.
    #[error(
        "there is no file `{0}` in the configuration's directory\nhint: give its path from the directory that the configuration stands in"
    )]
    Missing(String),
    /// It is a directory.
    #[error("`{0}` is a directory\nhint: give the path of the file in it")]
    Directory(String),
    /// It is a pipe or a device.
    #[error("`{0}` is no regular file\nhint: copy what it holds into a file")]
    Irregular(String),
    /// It has more bytes than may be read.
    #[error(
        "`{name}` has more than {bytes_max} bytes\nhint: make it smaller; this bound cannot be raised"
    )]
    TooLarge {
        /// Its name.
        name: String,
        /// How many it may have.
        bytes_max: u64,
    },
    /// Others than its owner may read or write it.
    #[error("other users may read or write `{0}`\nhint: `chmod 600 {0}`")]
    Shared(String),
    /// It holds bytes that are no UTF-8.
    #[error("`{0}` is not UTF-8 text\nhint: save it as UTF-8")]
    NotText(String),
    /// The operating system refused.
    #[error("`{name}` cannot be read: {source}{hint}", hint = access_hint(.source))]
    Io {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl Root {
    /// Opens a directory that the operator named.
    ///
    /// # Errors
    /// Where it is none, or may not be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())?, path: path.to_owned() })
    }

    /// Reads a regular file inside.
    ///
    /// # Errors
    /// Each of [`ReadError`] but [`ReadError::NotText`].
    pub fn read(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        let failed = |error| ReadError::new(name, error);
        // A pipe would be waited for when it is opened.
        let metadata = self.dir.metadata(name).map_err(failed)?;
        if metadata.is_dir() {
            return Err(ReadError::Directory(name.to_owned()));
        }
        if !metadata.is_file() {
            return Err(ReadError::Irregular(name.to_owned()));
        }
        let mut bytes = Vec::new();
        let file = self.dir.open(name).map_err(failed)?;
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        match bytes.len() as u64 > bytes_max {
            true => Err(ReadError::TooLarge { name: name.to_owned(), bytes_max }),
            false => Ok(bytes),
        }
    }

    /// Reads a text file inside that others may not read, nor its group write: orchestrators give
    /// secrets to a group.
    ///
    /// # Errors
    /// Each of [`ReadError`].
    pub fn read_secret(&self, name: &str, bytes_max: u64) -> Result<String, ReadError> {
        let metadata = self.dir.metadata(name).map_err(|error| ReadError::new(name, error))?;
        not_shared(name, metadata.permissions().mode())?;
        self.read_text(name, bytes_max)
    }

    /// Reads a text file inside.
    ///
    /// # Errors
    /// Each of [`ReadError`].
    pub fn read_text(&self, name: &str, bytes_max: u64) -> Result<String, ReadError> {
        String::from_utf8(self.read(name, bytes_max)?)
            .map_err(|_| ReadError::NotText(name.to_owned()))
    }

    /// The handle.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where it is, as the operator named it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl ReadError {
    fn new(name: &str, error: io::Error) -> Self {
        let name = name.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(name),
            // cap-std's own error: the operating system's has a number.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
                Self::Outside(name)
            }
            _ => Self::Io { name, source: error },
        }
    }
}

/// Whether a file of this mode may hold a secret: others may not read it, nor its group write it.
///
/// # Errors
/// [`ReadError::Shared`]
pub(crate) fn not_shared(name: &str, mode: u32) -> Result<(), ReadError> {
    match mode & 0o037 {
        0 => Ok(()),
        _ => Err(ReadError::Shared(name.to_owned())),
    }
}

/// What to do where the operating system forbids something.
fn access_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "\nhint: let the user that this program runs as read it",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::write(inside.join("ten"), "0123456789").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let root = Root::open(&inside).unwrap();
        let refused = root.read(name, 9).unwrap_err().to_string();
        assert!(refused.starts_with(text), "{refused}");
    }

    #[test]
    fn no_name_leads_outside() {
        check("../secret", "`../secret` leads outside");
        check("/etc/hostname", "`/etc/hostname` leads outside");
        check("link", "`link` leads outside");
    }

    #[test]
    fn a_file_is_there_regular_and_bounded() {
        check("absent", "there is no file `absent`");
        check(".", "`.` is a directory");
        check("ten", "`ten` has more than 9 bytes");
    }
}
