//! Which artifact: `oci:HOST/NAME@sha256:…`, with the digest of its manifest.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;
use writ_core::Digest;

/// What a reference begins with.
const PREFIX: &str = "oci:";

/// A reference to one artifact for ever: by the digest of its manifest. It may have a tag too, which is
/// for people alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedReference {
    oci: Reference,
    digest: Digest,
}

/// A text is no pinned reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// It is none at all.
    #[error("`{text}` is no reference: {why}\nhint: write `oci:HOST/NAME@sha256:...`")]
    Malformed {
        /// The text.
        text: String,
        /// Why.
        why: String,
    },
    /// It names no registry: which one is meant is nobody's guess.
    #[error(
        "`{0}` names no registry\nhint: write its host before the name: `oci:HOST/NAME@sha256:...`"
    )]
    NoRegistry(String),
    /// It names no digest.
    #[error(
        "`{0}` is not pinned: what a tag leads to can change after it was reviewed\nhint: name the digest of its manifest, as in `oci:HOST/NAME@sha256:...`; `oras resolve HOST/NAME:TAG` tells it"
    )]
    NotPinned(String),
    /// Its digest is no SHA-256.
    #[error(
        "`{0}` is pinned by another digest than SHA-256\nhint: write `@sha256:` and 64 lower-case hexadecimal digits"
    )]
    OtherDigest(String),
}

impl PinnedReference {
    /// Whether a text means to be one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The registry's host, and its port where it is named.
    pub fn registry(&self) -> String {
        self.oci.registry().to_ascii_lowercase()
    }

    /// The name of the artifact in its registry.
    pub fn repository(&self) -> &str {
        self.oci.repository()
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn oci(&self) -> &Reference {
        &self.oci
    }

    /// The same, but that the client does not judge what it is given for it: whoever asks does, and sees
    /// what it is instead.
    pub(super) fn unjudged(&self) -> Reference {
        let (registry, name) = (self.oci.registry(), self.oci.repository());
        Reference::with_tag(registry.to_owned(), name.to_owned(), self.digest.to_string())
    }
}

impl FromStr for PinnedReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let malformed = |why: &dyn fmt::Display| InvalidReference::Malformed {
            text: text.to_owned(),
            why: why.to_string(),
        };
        let rest = text.strip_prefix(PREFIX);
        let rest = rest.ok_or_else(|| malformed(&"it does not begin with `oci:`"))?;
        let oci = rest.parse::<Reference>().map_err(|error| malformed(&error))?;
        // Where none is named, one is made up.
        let after_registry = rest.strip_prefix(oci.registry());
        if !after_registry.is_some_and(|rest| rest.starts_with('/')) {
            return Err(InvalidReference::NoRegistry(text.to_owned()));
        }
        let digest = oci.digest().ok_or_else(|| InvalidReference::NotPinned(text.to_owned()))?;
        let digest = digest.parse();
        let digest = digest.map_err(|_| InvalidReference::OtherDigest(text.to_owned()))?;
        Ok(Self { oci, digest })
    }
}

impl fmt::Display for PinnedReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.oci)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn a_reference_is_pinned_and_reads_as_it_was_written() {
        for name in ["registry.example/team/limits", "localhost:5000/a", "127.0.0.1:5/a:v1"] {
            let text = format!("oci:{name}@sha256:{HEX}");
            let reference: PinnedReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.digest().hex(), HEX);
            assert_eq!(Some(reference.registry().as_str()), name.split('/').next());
        }
    }

    #[test]
    fn what_is_not_pinned_is_refused() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<PinnedReference>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("\nhint: "), "{text}: {error}");
        };
        check("oci:registry.example/a:v1", "is not pinned");
        check("oci:registry.example/a", "is not pinned");
        check(&format!("registry.example/a@sha256:{HEX}"), "does not begin with `oci:`");
        check(&format!("oci:team/a@sha256:{HEX}"), "names no registry");
        check(&format!("oci:a@sha256:{HEX}"), "names no registry");
        check(&format!("oci:registry.example/A@sha256:{HEX}"), "is no reference");
        check("oci:registry.example/a@sha256:abc", "is no reference");
        check(&format!("oci:registry.example/a@sha512:{HEX}{HEX}"), "another digest than SHA-256");
        check(&format!("oci:registry.example/a@sha256:{}", HEX.to_uppercase()), "digest");
        check("oci:", "is no reference");
    }
}
