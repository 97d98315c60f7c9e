//! The starter policies, embedded: people who have the binary have them.
//!
//! The bytes are the committed components of `policies/dist/`, as `cargo xtask guests` made them.

use writ_core::Digest;

/// A starter policy.
#[derive(PartialEq, Eq)]
pub struct Builtin {
    /// What follows `builtin:`.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

/// Every starter policy, by name.
pub static ALL: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The starter policy of a name.
pub fn named(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

/// The starter policy with a digest.
pub fn with_digest(digest: &Digest) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.digest() == *digest)
}

impl Builtin {
    /// Digest of the component.
    pub fn digest(&self) -> Digest {
        Digest::of(self.bytes)
    }
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "builtin:{}", self.name)
    }
}
