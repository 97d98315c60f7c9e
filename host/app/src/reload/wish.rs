//! What is asked of a reload, and what came of it.

use writ_core::Digest;

use super::Refusal;

/// Which set is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What the files of this host say.
    Files,
    /// A version.
    Version(u64),
    /// A version that decides for some, if it still does.
    Promoted(u64),
    /// The version that decided before the one that does.
    Previous,
    /// The version that decides elsewhere.
    Active,
}

/// What came of one.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Another set decides.
    Activated(Digest),
    /// The set that decides is the one that was loaded.
    Unchanged(Digest),
    /// The set before it decides.
    Refused(Refusal),
}

impl Outcome {
    /// Its name in answers, metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activated(_) => "activated",
            Self::Unchanged(_) => "unchanged",
            Self::Refused(_) => "refused",
        }
    }

    /// Every name, for closed label sets.
    pub const NAMES: &'static [&'static str] = &["activated", "unchanged", "refused"];
}
