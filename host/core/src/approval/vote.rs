//! One person's answer, and whether it counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::person::Person;
use crate::requirement::{Requirement, Stage};
use crate::text::is_invisible;

/// How long the reason of a vote may be, in characters.
pub const REASON_CHARS_MAX: usize = 2_000;

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The action may go on.
    Approve,
    /// The action may not go on.
    Reject,
}

/// What somebody wants to say, before it is known whether it counts. Who they are comes from
/// authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Who.
    pub voter: Person,
    /// The groups that they are in.
    pub groups: BTreeSet<Person>,
    /// What they say.
    pub choice: Choice,
    /// Why.
    pub reason: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A ballot that counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub approver: Person,
    /// Those of their groups that the stage named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Person>,
    /// The stage that they answered, from 0.
    pub stage: usize,
    /// What they said.
    pub choice: Choice,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// Why a ballot does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoteRefused {
    /// The approval has ended.
    #[error("the approval has ended: it is {0}")]
    Ended(&'static str),
    /// The stage that is being asked does not name them.
    #[error("`{voter}` is not asked\nhint: asked are {asked}")]
    NotAnApprover {
        /// Who voted.
        voter: Person,
        /// Who is asked, separated by commas.
        asked: String,
    },
    /// They ask themselves.
    #[error("`{0}` may not decide about their own action")]
    SelfApproval(Person),
    /// The requirement asks for a reason.
    #[error("a reason is required\nhint: send `reason` with 1 to {REASON_CHARS_MAX} characters")]
    ReasonRequired,
    /// The reason is too long.
    #[error("the reason has {0} characters, may have {REASON_CHARS_MAX}")]
    ReasonTooLong(usize),
}

impl VoteRefused {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ended(_) => "approval-ended",
            Self::NotAnApprover { .. } => "not-an-approver",
            Self::SelfApproval(_) => "self-approval",
            Self::ReasonRequired => "reason-required",
            Self::ReasonTooLong(_) => "reason-too-long",
        }
    }
}

impl Vote {
    /// The vote that a ballot gives in a stage.
    pub(super) fn admitted(
        ballot: &Ballot,
        requirement: &Requirement,
        stage: usize,
        themselves: &[Person],
    ) -> Result<Self, VoteRefused> {
        let asked = requirement.stages.get(stage).map_or(&[][..], |s| s.approvers.as_slice());
        let named = Named::by(asked, &ballot.voter, &ballot.groups);
        if !named.is_named() {
            let (voter, asked) = (ballot.voter.clone(), asked.join(", "));
            return Err(VoteRefused::NotAnApprover { voter, asked });
        }
        if !requirement.allow_self_approval && themselves.contains(&ballot.voter) {
            return Err(VoteRefused::SelfApproval(ballot.voter.clone()));
        }
        let says = |reason: &&str| reason.chars().any(|c| !c.is_whitespace() && !is_invisible(c));
        let reason = ballot.reason.as_deref().map(str::trim).filter(says);
        if requirement.reason_required && reason.is_none() {
            return Err(VoteRefused::ReasonRequired);
        }
        match reason.map_or(0, |reason| reason.chars().count()) {
            0..=REASON_CHARS_MAX => Ok(Self {
                approver: ballot.voter.clone(),
                groups: named.groups,
                stage,
                choice: ballot.choice,
                reason: reason.map(str::to_owned),
                at_ms: ballot.at_ms,
            }),
            count => Err(VoteRefused::ReasonTooLong(count)),
        }
    }

    /// Whether it would also count as an approval in a stage of another requirement.
    pub(super) fn counts_for(
        &self,
        requirement: &Requirement,
        stage: usize,
        themselves: &[Person],
    ) -> bool {
        let named =
            |stage: &Stage| Named::by(&stage.approvers, &self.approver, &self.groups).is_named();
        self.choice == Choice::Approve
            && requirement.stages.get(stage).is_some_and(named)
            && (requirement.allow_self_approval || !themselves.contains(&self.approver))
            && (!requirement.reason_required || self.reason.is_some())
    }
}

/// Whether a stage names a person, or one of their groups.
pub(super) fn names(stage: &Stage, person: &Person, groups: &BTreeSet<Person>) -> bool {
    Named::by(&stage.approvers, person, groups).is_named()
}

/// How a list of approvers names somebody.
struct Named {
    as_user: bool,
    groups: BTreeSet<Person>,
}

impl Named {
    fn by(approvers: &[String], person: &Person, groups: &BTreeSet<Person>) -> Self {
        let as_user = approvers
            .iter()
            .filter_map(|approver| approver.strip_prefix("user:"))
            .any(|user| person.is(user));
        let asked: Vec<_> =
            approvers.iter().filter_map(|approver| approver.strip_prefix("group:")).collect();
        let is_asked = |group: &&Person| asked.iter().any(|name| group.is(name));
        Self { as_user, groups: groups.iter().filter(is_asked).cloned().collect() }
    }

    fn is_named(&self) -> bool {
        self.as_user || !self.groups.is_empty()
    }
}
