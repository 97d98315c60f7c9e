//! What people must do before an action may go on.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::person::{PERSON_BYTES_MAX, fold};

/// How many stages a requirement may have.
pub const STAGES_MAX: usize = 8;
/// How many approvers a stage may name.
pub const APPROVERS_MAX: usize = 64;
/// How long an approver may be, in bytes: no longer name is anybody's ([`PERSON_BYTES_MAX`]).
const APPROVER_BYTES_MAX: usize = "group:".len() + PERSON_BYTES_MAX;
/// How long a stage may stay open, in seconds: a year.
pub const EXPIRES_AFTER_SECONDS_MAX: u32 = 31_536_000;
/// How long a title may be, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// How long a reason may be, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;

/// What happens when a stage ends without enough votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// The action is denied.
    Deny,
    /// The next stage is asked; in the last stage this is `Deny`.
    Escalate,
    /// The action goes on without an answer.
    Approve,
}

/// One group of people who are asked together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stage {
    /// `user:ID` or `group:ID`.
    pub approvers: Vec<String>,
    /// How many distinct people must say yes.
    pub quorum: u32,
    /// How long the stage stays open, in seconds.
    pub expires_after_seconds: u32,
    /// What happens then.
    pub on_expiry: Disposition,
}

/// What people must do before an action may go on: every stage must agree, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Requirement {
    /// One line that an approver reads first.
    pub title: String,
    /// Why approval is asked.
    pub reason: String,
    /// 1 to [`STAGES_MAX`].
    pub stages: Vec<Stage>,
    /// Whether the subject of the request, who sent it and who had it retried may be among its
    /// approvers.
    pub allow_self_approval: bool,
    /// Whether a vote must carry a reason.
    pub reason_required: bool,
}

/// Which bound a requirement breaks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("requirement: {0}")]
pub struct InvalidRequirement(String);

impl Requirement {
    /// Whether another asks the same people in the same way, whatever either is called and says: a reason
    /// may tell a sum that has grown since.
    pub fn asks_the_same_as(&self, other: &Self) -> bool {
        self.stages == other.stages
            && self.allow_self_approval == other.allow_self_approval
            && self.reason_required == other.reason_required
    }

    /// Checks every bound of the contract.
    ///
    /// # Errors
    /// The first bound that does not hold.
    pub fn checked(self) -> Result<Self, InvalidRequirement> {
        let bound = |holds: bool, text: fmt::Arguments<'_>| match holds {
            true => Ok(()),
            false => Err(InvalidRequirement(text.to_string())),
        };
        let title = self.title.chars().count();
        bound(
            (1..=TITLE_CHARS_MAX).contains(&title),
            format_args!("the title has {title} characters, must have 1 to {TITLE_CHARS_MAX}"),
        )?;
        let reason = self.reason.chars().count();
        bound(
            reason <= REASON_CHARS_MAX,
            format_args!("the reason has {reason} characters, may have {REASON_CHARS_MAX}"),
        )?;
        let stages = self.stages.len();
        bound(
            (1..=STAGES_MAX).contains(&stages),
            format_args!("{stages} stages, must be 1 to {STAGES_MAX}"),
        )?;
        for (index, stage) in self.stages.iter().enumerate() {
            stage.check().map_err(|InvalidRequirement(text)| {
                InvalidRequirement(format!("stage {}: {text}", index + 1))
            })?;
        }
        Ok(self)
    }
}

impl Stage {
    fn check(&self) -> Result<(), InvalidRequirement> {
        let bad = |text: String| Err(InvalidRequirement(text));
        let count = self.approvers.len();
        if !(1..=APPROVERS_MAX).contains(&count) {
            return bad(format!("{count} approvers, must be 1 to {APPROVERS_MAX}"));
        }
        let named = |a: &&String| {
            let id = a.strip_prefix("user:").or_else(|| a.strip_prefix("group:"));
            id.is_none_or(|id| id.is_empty() || id.chars().any(char::is_control))
        };
        if let Some(approver) = self.approvers.iter().find(named) {
            return bad(format!("approver `{approver}` is neither `user:ID` nor `group:ID`"));
        }
        if let Some(approver) = self.approvers.iter().find(|a| a.len() > APPROVER_BYTES_MAX) {
            let bytes = approver.len();
            return bad(format!(
                "an approver's name has {bytes} bytes, may have {APPROVER_BYTES_MAX}"
            ));
        }
        if self.quorum == 0 {
            return bad("the quorum is 0, must be at least 1".into());
        }
        let users: Option<BTreeSet<_>> =
            self.approvers.iter().map(|a| a.strip_prefix("user:").map(fold)).collect();
        if let Some(count) = users.map(|users| users.len())
            && self.quorum as usize > count
        {
            return bad(format!("the quorum is {}, but only {count} may decide", self.quorum));
        }
        match self.expires_after_seconds {
            1..=EXPIRES_AFTER_SECONDS_MAX => Ok(()),
            other => bad(format!(
                "expires after {other} seconds, must be 1 to {EXPIRES_AFTER_SECONDS_MAX}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement() -> Requirement {
        Requirement {
            title: "Pay 10 to X".into(),
            reason: "new payee".into(),
            stages: vec![Stage {
                approvers: vec!["user:ann".into(), "user:bob".into()],
                quorum: 2,
                expires_after_seconds: 60,
                on_expiry: Disposition::Deny,
            }],
            allow_self_approval: false,
            reason_required: false,
        }
    }

    fn check(change: impl FnOnce(&mut Requirement)) -> Result<(), String> {
        let mut changed = requirement();
        change(&mut changed);
        changed.checked().map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn accepts_what_keeps_every_bound() {
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|r| r.stages[0].approvers = vec!["group:ops".into()]), Ok(()));
    }

    #[test]
    fn refuses_what_breaks_a_bound() {
        assert!(check(|r| r.title.clear()).is_err());
        assert!(check(|r| r.reason = "x".repeat(2_001)).is_err());
        assert!(check(|r| r.stages.clear()).is_err());
        assert!(check(|r| r.stages[0].approvers.clear()).is_err());
        assert!(check(|r| r.stages[0].approvers[0] = "ann".into()).is_err());
        assert!(check(|r| r.stages[0].approvers[0] = "user:".into()).is_err());
        assert!(check(|r| r.stages[0].quorum = 0).is_err());
        assert!(check(|r| r.stages[0].expires_after_seconds = 0).is_err());
        assert_eq!(
            check(|r| r.stages[0].quorum = 3).unwrap_err(),
            "requirement: stage 1: the quorum is 3, but only 2 may decide"
        );
        // One person under two spellings has one vote.
        assert_eq!(
            check(|r| r.stages[0].approvers[1] = "user:Ann".into()).unwrap_err(),
            "requirement: stage 1: the quorum is 2, but only 1 may decide"
        );
    }
}
