//! Files that a tool may ask for: names, bounds, and what it is told instead.

use serde::{Deserialize, Serialize};

/// How many bytes a file may have that a tool reads or writes.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// How many entries a directory may have that a tool lists.
pub const ENTRIES_MAX: usize = 1_000;
/// How many bytes a name may have.
pub const NAME_BYTES_MAX: usize = 1_024;
/// How many parts a name may have.
pub const PARTS_MAX: usize = 16;
/// How many bytes a part of a name may have.
pub const PART_BYTES_MAX: usize = 255;
/// What parts of names begin with that are the host's own: files that are not whole yet.
pub const OWN_PREFIX: &str = ".writ-";

/// Why a tool's call for a file was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "code", content = "text")]
pub enum FileError {
    /// There is nothing of this name.
    #[error("there is nothing of this name")]
    NotFound,
    /// The name breaks a bound, or leads outside.
    #[error("{0}")]
    NameInvalid(String),
    /// The directory is granted for reading only.
    #[error("the directory is granted for reading only")]
    ReadOnly,
    /// It is of another kind than is wanted.
    #[error("it is of another kind")]
    OtherKind,
    /// A file or a directory is over its bound.
    #[error("{0}")]
    LimitExceeded(String),
    /// The operating system refuses, or cannot now.
    #[error("{0}")]
    Unavailable(String),
}

/// Checks the name of a file: relative, without a way up, and within bounds. Whether a link leads
/// outside, only opening it tells.
///
/// # Errors
/// [`FileError::NameInvalid`].
pub fn check_name(name: &str) -> Result<(), FileError> {
    let refused = |text: String| Err(FileError::NameInvalid(text));
    if name.len() > NAME_BYTES_MAX {
        return refused(format!("the name has {} bytes, may have {NAME_BYTES_MAX}", name.len()));
    }
    if name.split('/').count() > PARTS_MAX {
        return refused(format!("the name has more than {PARTS_MAX} parts"));
    }
    for part in name.split('/') {
        match part {
            "" => return refused("a part of the name is empty".to_owned()),
            "." | ".." => return refused(format!("`{part}` is no part of a name")),
            _ if part.len() > PART_BYTES_MAX => {
                let bytes = part.len();
                return refused(format!("a part has {bytes} bytes, may have {PART_BYTES_MAX}"));
            }
            _ if part.contains('\0') => return refused("the name holds U+0000".to_owned()),
            _ if part.starts_with(OWN_PREFIX) => {
                return refused(format!("names that begin with `{OWN_PREFIX}` are the host's own"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_relative_and_bounded() {
        for name in ["a", "a/b", "2026/july.csv", ".hidden", "a..b", &"x".repeat(255)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let (long, deep) = ("x".repeat(256), vec!["x"; 17].join("/"));
        let longest = vec!["x".repeat(250); 5].join("/");
        let refused = ["", "/", "/etc/passwd", "..", "../a", "a/../b", "a/..", ".", "a//b", "a/"];
        for name in
            refused.into_iter().chain([&*long, &deep, &longest, "a\0b", ".writ-x", "a/.writ-x"])
        {
            let error = check_name(name).unwrap_err();
            assert!(matches!(error, FileError::NameInvalid(_)), "{name}: {error}");
        }
    }
}
