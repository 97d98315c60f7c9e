//! What a policy with a memory counts together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::key;
use crate::request::Request;

/// What is counted, or remembered, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// All actions of one subject.
    #[default]
    Subject,
    /// One action of one subject.
    SubjectAction,
    /// All actions of everybody whom the binding matches.
    Global,
}

impl Per {
    /// The storage key under which this request counts: `subject/TYPE/ID`,
    /// `subject-action/TYPE/ID/ACTION` or `global`, each part escaped as [`key`] does.
    pub fn key(self, request: &Request) -> String {
        let subject = &request.subject;
        match self {
            Self::Subject => key(["subject", &subject.kind, &subject.id]),
            Self::SubjectAction => {
                key(["subject-action", &subject.kind, &subject.id, &request.action.name])
            }
            Self::Global => "global".to_owned(),
        }
    }
}

/// As a denial's reason names it to the caller.
impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "this subject",
            Self::SubjectAction => "this subject and action",
            Self::Global => "everybody",
        })
    }
}
