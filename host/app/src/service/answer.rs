//! What the service answers: a decision that has been kept.

use writ_core::combine::Denial;
use writ_core::{Action, Digest, Outcome, PolicyRecord, Request};

/// A decision, stored before it is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its id: a UUID version 7 (RFC 9562).
    pub id: String,
    /// Digest of the policy set that decided.
    pub policy_set: Digest,
    /// What was decided.
    pub outcome: Outcome,
    /// The action that may go on, where policies amended it.
    pub amended: Option<Action>,
    /// What each policy said, in binding order, shadows included.
    pub policies: Vec<PolicyRecord>,
    /// What was asked, where people may be asked as well.
    pub requestable: Option<Box<Request>>,
}

/// Nothing was decided, so the action may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The decision could not be stored. Why is in the log.
    #[error("the decision could not be stored")]
    StorageUnavailable,
}

impl Answer {
    /// Whether the action may go on now.
    pub fn permits(&self) -> bool {
        self.outcome.permits()
    }

    /// Why the action may not go on, in words for the caller; none where it may.
    pub fn reason(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Allowed | Outcome::Amended => None,
            Outcome::ApprovalRequired(requirements) => {
                let titles = requirements.iter().map(|(_, requirement)| requirement.title.as_str());
                Some(format!("approval is required: {}", join(titles)))
            }
            Outcome::Denied(Denial::ByPolicy(denials)) => {
                Some(join(denials.iter().map(|(_, reason)| reason.as_str())))
            }
            Outcome::Denied(Denial::ByFault(faults)) => {
                let faults: Vec<_> = faults
                    .iter()
                    .map(|(binding, code)| format!("policy `{binding}` gave no verdict: {code}"))
                    .collect();
                Some(faults.join("; "))
            }
            Outcome::Denied(Denial::AllAbstained) => Some("no policy allows this".into()),
            Outcome::Denied(Denial::NoPolicyMatched) => {
                Some("no policy is bound to this request".into())
            }
        }
    }
}

fn join<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}
