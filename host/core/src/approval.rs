//! A question that was put to people: a state machine without I/O.
//!
//! ```text
//! pending ──┬─> approved    every stage has its quorum, or expired where the policy said `approve`
//!           ├─> rejected    one approver said no
//!           ├─> expired     a stage ended without its quorum
//!           └─> cancelled   the execution ended otherwise
//! ```
//!
//! Stages are asked one after the other. The end of a stage is fixed when it opens and never moves.
//! What has ended stays as it is: a later vote is refused, and changes nothing.

mod vote;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::binding::BindingName;
use crate::person::Person;
use crate::requirement::{Disposition, Requirement};
pub use vote::{Ballot, Choice, REASON_CHARS_MAX, Vote, VoteRefused};

/// A question to people, and what they have said so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// A UUID version 7 (RFC 9562).
    pub id: String,
    /// The binding whose policy asks; the tool, where that does.
    pub binding: BindingName,
    /// Whether a tool asks, and no policy: then it is nobody's requirement that is met.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_tool: bool,
    /// What people must do.
    pub requirement: Requirement,
    /// When people were first asked, in milliseconds since the Unix epoch.
    pub opened_at_ms: u64,
    /// How it stands.
    pub state: ApprovalState,
    /// Every vote that counted, in the order of arrival.
    pub votes: Vec<Vote>,
}

/// How an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum ApprovalState {
    /// A stage is being asked.
    Pending {
        /// Which, from 0.
        stage: usize,
        /// When it ends, in milliseconds since the Unix epoch.
        expires_at_ms: u64,
    },
    /// The action may go on.
    Approved,
    /// Somebody said no.
    Rejected,
    /// A stage ended without its quorum.
    Expired,
    /// The execution ended otherwise.
    Cancelled,
}

/// How the question of one stage stands for one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// They can answer.
    Open {
        /// Until when, in milliseconds since the Unix epoch.
        expires_at_ms: u64,
    },
    /// They have answered.
    Answered(&'a Vote),
    /// It is past: the approval has ended, its time is over, or another stage is asked.
    Over,
}

impl ApprovalState {
    /// The state's name in answers, records and the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Approval {
    /// Asks the first stage.
    pub fn open(id: String, binding: BindingName, requirement: Requirement, now_ms: u64) -> Self {
        let state = pending(&requirement, 0, now_ms);
        let votes = Vec::new();
        Self { id, binding, by_tool: false, requirement, opened_at_ms: now_ms, state, votes }
    }

    /// The same, where a tool asks in the middle of its work.
    #[must_use]
    pub fn by_tool(self) -> Self {
        Self { by_tool: true, ..self }
    }

    /// When the stage that is being asked ends; none once the approval has.
    pub fn expires_at_ms(&self) -> Option<u64> {
        match self.state {
            ApprovalState::Pending { expires_at_ms, .. } => Some(expires_at_ms),
            ApprovalState::Approved
            | ApprovalState::Rejected
            | ApprovalState::Expired
            | ApprovalState::Cancelled => None,
        }
    }

    /// The approvers who are being asked now; nobody once the approval has ended.
    pub fn asked(&self) -> &[String] {
        match self.state {
            ApprovalState::Pending { stage, .. } => {
                self.requirement.stages.get(stage).map_or(&[], |stage| &stage.approvers)
            }
            ApprovalState::Approved
            | ApprovalState::Rejected
            | ApprovalState::Expired
            | ApprovalState::Cancelled => &[],
        }
    }

    /// Whether any of its stages names a person, or one of their groups.
    pub fn names(&self, person: &Person, groups: &BTreeSet<Person>) -> bool {
        self.requirement.stages.iter().any(|stage| vote::names(stage, person, groups))
    }

    /// How the question of a stage, from 0, stands at a time for one person. Whether it is put to
    /// them is not looked at.
    pub fn standing(&self, person: &Person, stage: usize, now_ms: u64) -> Standing<'_> {
        let is_theirs = |vote: &&Vote| vote.stage == stage && vote.approver == *person;
        if let Some(vote) = self.votes.iter().rfind(is_theirs) {
            return Standing::Answered(vote);
        }
        match self.state {
            ApprovalState::Pending { stage: asked, expires_at_ms }
                if asked == stage && now_ms < expires_at_ms =>
            {
                Standing::Open { expires_at_ms }
            }
            ApprovalState::Pending { .. }
            | ApprovalState::Approved
            | ApprovalState::Rejected
            | ApprovalState::Expired
            | ApprovalState::Cancelled => Standing::Over,
        }
    }

    /// Counts a ballot. `themselves` are those who ask: the request's subject, who sent it, and who
    /// had it retried.
    ///
    /// A vote that counted changes nothing when it comes again, also after the end; a rejection ends the approval, also
    /// after one's own approval, as long as it is pending.
    ///
    /// # Errors
    /// Why the ballot does not count; then nothing has changed.
    pub fn vote(&self, ballot: &Ballot, themselves: &[Person]) -> Result<Self, VoteRefused> {
        let ApprovalState::Pending { stage, expires_at_ms } = self.state else {
            // Who did not hear that the vote counted sends it again.
            return match self.has_said(ballot) {
                true => Ok(self.clone()),
                false => Err(VoteRefused::Ended(self.state.name())),
            };
        };
        if ballot.at_ms >= expires_at_ms {
            return Err(VoteRefused::Ended("expired"));
        }
        let vote = Vote::admitted(ballot, &self.requirement, stage, themselves)?;
        let mut next = self.clone();
        match vote.choice {
            Choice::Reject => next.state = ApprovalState::Rejected,
            Choice::Approve if self.has_voted(&vote.approver, stage) => return Ok(next),
            Choice::Approve => {}
        }
        next.votes.push(vote);
        let quorum = self.requirement.stages.get(stage).map_or(u32::MAX, |stage| stage.quorum);
        if next.state == self.state && next.approvals_of(stage) >= quorum as usize {
            next.state = next.after(stage, ballot.at_ms);
        }
        Ok(next)
    }

    /// Whether a ballot's voter has said the same before, in whichever stage.
    pub fn has_said(&self, ballot: &Ballot) -> bool {
        let is_same = |vote: &Vote| vote.approver == ballot.voter && vote.choice == ballot.choice;
        self.votes.iter().any(is_same)
    }

    /// Whether the stage that is asked now names a ballot's voter, who has not answered it.
    pub fn asks(&self, ballot: &Ballot) -> bool {
        let ApprovalState::Pending { stage, expires_at_ms } = self.state else { return false };
        let asked = self.requirement.stages.get(stage);
        ballot.at_ms < expires_at_ms
            && asked.is_some_and(|asked| vote::names(asked, &ballot.voter, &ballot.groups))
            && !self.has_voted(&ballot.voter, stage)
    }

    /// What the passing of time makes of it; none where that is nothing.
    pub fn at(&self, now_ms: u64) -> Option<Self> {
        let ApprovalState::Pending { stage, expires_at_ms } = self.state else { return None };
        if now_ms < expires_at_ms {
            return None;
        }
        let state = match self.requirement.stages.get(stage)?.on_expiry {
            Disposition::Approve => self.after(stage, now_ms),
            // People who were never asked cannot be late: the next stage opens now.
            Disposition::Escalate if stage + 1 < self.requirement.stages.len() => {
                pending(&self.requirement, stage + 1, now_ms)
            }
            Disposition::Escalate | Disposition::Deny => ApprovalState::Expired,
        };
        Some(Self { state, ..self.clone() })
    }

    /// Ends it, because the execution has ended; none where it has ended already.
    pub fn cancelled(&self) -> Option<Self> {
        self.expires_at_ms()?;
        Some(Self { state: ApprovalState::Cancelled, ..self.clone() })
    }

    /// Whether it also meets a requirement that the policy of its binding makes later: it was approved,
    /// and for one that asks the same of people, or by those who would meet the later one, each stage by those
    /// who answered it. What a tool asked meets no requirement, whatever it asked.
    pub fn meets(&self, binding: &BindingName, later: &Requirement, themselves: &[Person]) -> bool {
        if self.state != ApprovalState::Approved || self.by_tool || self.binding != *binding {
            return false;
        }
        self.requirement.asks_the_same_as(later)
            || (0..later.stages.len()).all(|stage| {
                let counts =
                    |vote: &&Vote| vote.stage == stage && vote.counts_for(later, stage, themselves);
                let mut voters: Vec<_> =
                    self.votes.iter().filter(counts).map(|vote| &vote.approver).collect();
                voters.sort();
                voters.dedup();
                later.stages.get(stage).is_some_and(|s| voters.len() >= s.quorum as usize)
            })
    }

    fn after(&self, stage: usize, now_ms: u64) -> ApprovalState {
        match stage + 1 < self.requirement.stages.len() {
            true => pending(&self.requirement, stage + 1, now_ms),
            false => ApprovalState::Approved,
        }
    }

    fn approvals_of(&self, stage: usize) -> usize {
        let approves = |vote: &&Vote| vote.stage == stage && vote.choice == Choice::Approve;
        self.votes.iter().filter(approves).count()
    }

    fn has_voted(&self, approver: &Person, stage: usize) -> bool {
        self.votes.iter().any(|vote| vote.stage == stage && vote.approver == *approver)
    }
}

fn pending(requirement: &Requirement, stage: usize, now_ms: u64) -> ApprovalState {
    let seconds = requirement.stages.get(stage).map_or(0, |stage| stage.expires_after_seconds);
    let expires_at_ms = now_ms.saturating_add(u64::from(seconds) * 1_000);
    ApprovalState::Pending { stage, expires_at_ms }
}

#[cfg(test)]
mod tests;
