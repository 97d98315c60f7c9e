//! What leads to a reload.

use writ_core::Person;
use writ_core::rollout::Single;
use writ_store::Occasion;

/// What leads to a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The host has started.
    Start,
    /// A file has changed.
    File,
    /// The process was told to, by `SIGHUP`.
    Signal,
    /// Somebody asked for it.
    Request {
        /// Who.
        by: Person,
        /// Why, as they say; empty where they do not.
        comment: String,
    },
    /// Another host has made another version decide.
    Follow,
}

impl Trigger {
    /// Its name in answers, events and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Request { .. } => "request",
            Self::Follow => "follow",
        }
    }

    /// Who asked.
    pub fn by(&self) -> Option<&Person> {
        match self {
            Self::Request { by, .. } => Some(by),
            Self::Start | Self::File | Self::Signal | Self::Follow => None,
        }
    }

    /// The same, for a version that is made to try a single binding.
    pub(super) fn to_try(&self, single: &Single) -> Self {
        let Single { binding, of, within } = single;
        let what = format!("`{binding}` of version {of}, within version {within}");
        let Self::Request { by, comment } = self else { return self.clone() };
        let comment = match comment.as_str() {
            "" => what,
            comment => format!("{what}: {comment}"),
        };
        Self::Request { by: by.clone(), comment }
    }

    /// What is kept of it beside what it leads to.
    pub(crate) fn occasion(&self) -> Occasion {
        let comment = match self {
            Self::Request { comment, .. } => comment.clone(),
            Self::Start | Self::File | Self::Signal | Self::Follow => String::new(),
        };
        Occasion { trigger: self.name().to_owned(), by: self.by().cloned(), comment }
    }
}
