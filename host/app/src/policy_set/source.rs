//! Where a component comes from, and its bytes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use writ_core::Digest;
use writ_core::digest::InvalidDigest;

use crate::builtin::{self, Builtin};
use crate::config::root::{ReadError, Root};
use crate::config::wording;
use crate::registry::{InvalidReference, PinnedReference};

/// The directory, beside the configuration, in which a component is looked up by its digest.
const DIRECTORY: &str = "policies";
/// How many components that directory may hold.
const FILES_MAX: usize = 1_000;

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// One of the starter policies: `builtin:NAME`.
    Builtin(&'static Builtin),
    /// A file in the configuration's directory.
    File(String),
    /// The component with this digest: a starter policy, a file in `policies/`, or one that was pushed.
    Digest(Digest),
    /// An artifact in a registry: `oci:HOST/NAME@sha256:…`.
    Registry(Box<PinnedReference>),
}

/// A component that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// The file that holds them, in the configuration's directory; none where no file does.
    pub file: Option<String>,
    /// By which reference they have been pulled just now; none where they were here already.
    pub pulled_by: Option<PinnedReference>,
}

/// A text names no source.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSource {
    /// There is no starter policy of this name.
    #[error("there is no built-in policy `{name}`\nhint: {hint}")]
    Builtin {
        /// The name.
        name: String,
        /// What there is.
        hint: String,
    },
    /// It starts as a digest does, and is none.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// It starts as a reference does, and is none that is pinned.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// Nothing is written.
    #[error(
        "a source must not be empty\nhint: write `builtin:NAME`, the path of a component, its digest `sha256:...`, or `oci:HOST/NAME@sha256:...`"
    )]
    Empty,
}

/// A component's bytes were not found.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is larger than components may be.
    #[error(
        "`{name}` has more than {bytes_max} bytes\nhint: build it for size and strip it, or raise `component-bytes-max` in `[engine.load]`"
    )]
    TooLarge {
        /// Its file.
        name: String,
        /// How many bytes it may have.
        bytes_max: u64,
    },
    /// Its file was not read.
    #[error(transparent)]
    Read(ReadError),
    /// Nothing has its digest.
    #[error(
        "no built-in policy and no `*.wasm` file in `{DIRECTORY}/` has the digest `{0}`\nhint: `writ check builtin:NAME` shows the digest of a built-in policy; copy the component into `{DIRECTORY}/` beside the configuration; a server looks for policies in its store, too, where `writ policy push` puts them"
    )]
    Unknown(Digest),
    /// It is in a registry, and whoever reads it pulls nothing.
    #[error(
        "`{0}` is in a registry, from which policies are pulled and nothing else\nhint: keep the component in a file beside the configuration"
    )]
    Registry(Box<PinnedReference>),
    /// The directory of components is too full to search.
    #[error(
        "`{DIRECTORY}/` holds more than {FILES_MAX} components\nhint: name the component's file instead of its digest"
    )]
    Crowded,
}

impl Source {
    /// The directory, beside the configuration, in which a component is looked up by its digest.
    pub(crate) const DIRECTORY: &str = DIRECTORY;

    /// The component, of at most so many bytes, from wherever no other host is asked.
    ///
    /// # Errors
    /// Each of [`SourceError`].
    pub fn read(&self, root: &Root, bytes_max: u64) -> Result<Found, SourceError> {
        match self {
            Self::Builtin(builtin) => Ok(Found::built_in(builtin)),
            Self::File(name) => Ok(Found::in_file(name.clone(), root.read(name, bytes_max)?)),
            Self::Digest(digest) => match builtin::with_digest(digest) {
                Some(builtin) => Ok(Found::built_in(builtin)),
                None => search(root, digest, bytes_max),
            },
            Self::Registry(reference) => Err(SourceError::Registry(reference.clone())),
        }
    }

    /// Whether a component that was read is the one that was pinned, where one was.
    ///
    /// # Errors
    /// That it is another, with its digest.
    pub fn check_pin(&self, pinned: Option<Digest>, component: &[u8]) -> Result<(), String> {
        let found = Digest::of(component);
        if pinned.is_none_or(|pinned| pinned == found) {
            return Ok(());
        }
        Err(format!(
            "`{self}` is another component than the pinned one: its digest is `{found}`\n\
             hint: if the change is meant, review the component and pin its new digest"
        ))
    }
}

impl Found {
    fn built_in(builtin: &'static Builtin) -> Self {
        Self { bytes: Cow::Borrowed(builtin.bytes), file: None, pulled_by: None }
    }

    /// One that no file holds.
    pub(super) fn elsewhere(bytes: Vec<u8>) -> Self {
        Self { bytes: Cow::Owned(bytes), file: None, pulled_by: None }
    }

    /// One that a registry gave.
    pub(super) fn pulled(bytes: Vec<u8>, by: PinnedReference) -> Self {
        Self { pulled_by: Some(by), ..Self::elsewhere(bytes) }
    }

    fn in_file(name: String, bytes: Vec<u8>) -> Self {
        Self { bytes: Cow::Owned(bytes), file: Some(name), pulled_by: None }
    }
}

impl From<ReadError> for SourceError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { name, bytes_max } => Self::TooLarge { name, bytes_max },
            other => Self::Read(other),
        }
    }
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        if text.is_empty() {
            return Err(InvalidSource::Empty);
        }
        if text.starts_with("sha256:") {
            return Ok(Self::Digest(text.parse()?));
        }
        if PinnedReference::is_meant(text) {
            return Ok(Self::Registry(Box::new(text.parse()?)));
        }
        let Some(name) = text.strip_prefix("builtin:") else {
            return Ok(Self::File(text.to_owned()));
        };
        builtin::named(name).map(Self::Builtin).ok_or_else(|| InvalidSource::Builtin {
            name: name.to_owned(),
            hint: wording::suggest(name, builtin::ALL.iter().map(|builtin| builtin.name)),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(builtin) => write!(f, "builtin:{}", builtin.name),
            Self::File(name) => f.write_str(name),
            Self::Digest(digest) => digest.fmt(f),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

fn search(root: &Root, digest: &Digest, bytes_max: u64) -> Result<Found, SourceError> {
    let Ok(entries) = root.dir().read_dir(DIRECTORY) else {
        return Err(SourceError::Unknown(*digest));
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let components = names.filter(|name| name.ends_with(".wasm"));
    for (position, name) in components.enumerate() {
        if position == FILES_MAX {
            return Err(SourceError::Crowded);
        }
        // A file that cannot be read is not the one: it may be too large, or lead outside.
        let name = format!("{DIRECTORY}/{name}");
        match root.read(&name, bytes_max) {
            Ok(bytes) if Digest::of(&bytes) == *digest => return Ok(Found::in_file(name, bytes)),
            Ok(_) | Err(_) => {}
        }
    }
    Err(SourceError::Unknown(*digest))
}
