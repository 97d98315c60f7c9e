//! What people do with executions: answer, call off, say what became of one.

use writ_core::approval::{ApprovalState, Ballot, Choice, Standing};
use writ_core::execution::{Event, Refused, Report, Status};
use writ_core::{Execution, Principal};
use writ_store::ChangeError;

use super::{ExecutionError, Executions, may_carry_out, may_see};
use crate::clock::now_ms;

/// An approver's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Yes or no.
    pub choice: Choice,
    /// Why.
    pub reason: Option<String>,
    /// What the approver has seen.
    pub seen: Seen,
}

/// What an approver has seen who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// They do not say: what is asked now, unless they have answered an earlier stage. Then nobody knows
    /// whether they only say again what was not heard.
    Anything,
    /// The execution at this version, and no later one.
    Version(u64),
    /// The question of this stage, from 0, which they answer for the first time.
    Stage(usize),
}

/// Why a vote changes nothing.
enum Unvoted {
    Refused(Refused),
    Changed(u64),
    Answered,
    /// They have answered another stage, and do not say which one they answer now.
    Unclear(usize),
    /// They have said the same before: it is as it was.
    Said(Box<Execution>),
}

impl Seen {
    /// Whether what was seen is still so.
    fn check(self, current: &Execution, approval: &str, ballot: &Ballot) -> Result<(), Unvoted> {
        let Some(approval) = current.approval(approval) else { return Ok(()) };
        match self {
            Self::Anything | Self::Version(_)
                if approval.has_said(ballot) && !approval.asks(ballot) =>
            {
                Err(Unvoted::Said(Box::new(current.clone())))
            }
            Self::Anything => match approval.state {
                ApprovalState::Pending { stage, .. } if approval.has_said(ballot) => {
                    Err(Unvoted::Unclear(stage))
                }
                _ => Ok(()),
            },
            Self::Version(seen) if seen == current.version => Ok(()),
            Self::Version(_) => Err(Unvoted::Changed(current.version)),
            Self::Stage(stage) => {
                match approval.standing(&ballot.voter, stage, ballot.at_ms) {
                    Standing::Answered(_) => Err(Unvoted::Answered),
                    // Another stage is asked, maybe them again; they have not seen that.
                    Standing::Over
                        if approval.expires_at_ms().is_some_and(|at| ballot.at_ms < at) =>
                    {
                        Err(Unvoted::Changed(current.version))
                    }
                    Standing::Open { .. } | Standing::Over => Ok(()),
                }
            }
        }
    }
}

/// Whether a principal is asked about an execution, or was.
pub(super) fn concerns(by: &Principal, execution: &Execution) -> bool {
    execution.approvals.iter().any(|approval| approval.names(&by.person, &by.groups))
}

impl Executions {
    /// The execution that an approval belongs to, if the principal may see it.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`].
    pub async fn of_approval(
        &self,
        by: &Principal,
        approval: &str,
    ) -> Result<Execution, ExecutionError> {
        let found = self.store.execution_of_approval(&by.tenant, approval).await?;
        found.filter(|found| may_see(by, found)).ok_or(ExecutionError::NotFound)
    }

    /// Counts an approver's answer. An answer that is given twice counts once.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] where it does not count, [`ExecutionError::Changed`] where the
    /// approver has seen an earlier version, [`ExecutionError::Answered`] where they answer a stage
    /// again, [`ExecutionError::Unclear`] where they have answered an earlier stage and do not say that
    /// they have seen this one.
    pub async fn answer(
        &self,
        by: &Principal,
        approval: &str,
        answer: Answer,
    ) -> Result<Execution, ExecutionError> {
        let seen = self.of_approval(by, approval).await?;
        let at_ms = now_ms();
        let ballot = Ballot {
            voter: by.person.clone(),
            groups: by.groups.clone(),
            choice: answer.choice,
            reason: answer.reason,
            at_ms,
        };
        let approval = approval.to_owned();
        let vote = move |current: &Execution| {
            answer.seen.check(current, &approval, &ballot)?;
            let event = Event::Voted { approval, ballot };
            current.apply(event).map_err(Unvoted::Refused)
        };
        match self.change(&by.tenant, &seen.id, at_ms, None, vote).await {
            Ok(changed) => Ok(changed),
            Err(ChangeError::Refused(Unvoted::Said(current))) => Ok(*current),
            Err(ChangeError::Refused(Unvoted::Refused(refused))) => Err(refused.into()),
            Err(ChangeError::Refused(Unvoted::Changed(current))) => {
                Err(ExecutionError::Changed(current))
            }
            Err(ChangeError::Refused(Unvoted::Answered)) => Err(ExecutionError::Answered),
            Err(ChangeError::Refused(Unvoted::Unclear(stage))) => {
                Err(ExecutionError::Unclear(stage))
            }
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Calls an execution off before it begins. Called off once more by the same, it stays as it is.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] where it has begun or ended.
    pub async fn cancel(
        &self,
        by: &Principal,
        id: &str,
        reason: Option<String>,
    ) -> Result<Execution, ExecutionError> {
        may_carry_out(by, &self.one(by, id).await?)?;
        let (person, at_ms) = (by.person.clone(), now_ms());
        let event = Event::Cancelled { by: person.clone(), reason: reason.clone(), at_ms };
        let is_done = move |status: &Status| matches!(status, Status::Cancelled { by, reason: said } if *by == person && *said == reason);
        self.step_once(by, id, event, is_done).await
    }

    /// Says what became of an execution of which nobody knew. Said once more, it stays as it is.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] where it is not unknown.
    pub async fn resolve(
        &self,
        by: &Principal,
        id: &str,
        report: Report,
    ) -> Result<Execution, ExecutionError> {
        self.one(by, id).await?;
        let (person, at_ms) = (by.person.clone(), now_ms());
        let said = report.clone();
        let event = Event::Resolved { by: person, report, at_ms };
        self.step_once(by, id, event, move |status| said.is_said_by(status)).await
    }

    /// Has an endpoint that was given up called again.
    ///
    /// # Errors
    /// [`ExecutionError::Refused`] where it is not given up, and [`ExecutionError::EndpointChanged`]
    /// where this host knows that nobody would be called.
    pub async fn send_again(&self, by: &Principal, id: &str) -> Result<Execution, ExecutionError> {
        let seen = self.one(by, id).await?;
        if let Some(called) = seen.tool.as_ref().filter(|_| seen.given_up().is_some())
            && let Some(found) = self.tools.signature(called.name.as_str())
            && found.bound != *called
        {
            return Err(ExecutionError::EndpointChanged(called.name.clone()));
        }
        let (person, at_ms) = (by.person.clone(), now_ms());
        self.step_once(by, id, Event::SentAgain { by: person, at_ms }, |_| false).await
    }
}
