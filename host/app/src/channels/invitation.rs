//! An invitation to answer one question: what a link in a letter, or a button, lets one person do,
//! and nothing else.

use writ_core::approval::{Choice, VoteRefused};
use writ_core::execution::Refused;
use writ_core::{Execution, Principal};

use crate::service::executions::{ApprovalAnswer, ExecutionError, Executions, Seen};

/// What one person may answer.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Who: an approver, as the configuration says, and nothing else.
    pub by: Principal,
    /// The approval's id.
    pub approval: String,
    /// The stage that asks, from 0.
    pub stage: usize,
}

/// An answer does not count. The texts are for the person who gave it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The requirement asks for a reason.
    #[error("This answer must give a reason.")]
    ReasonRequired,
    /// The reason is too long.
    #[error("The reason is too long: it has {0} characters.")]
    ReasonTooLong(usize),
    /// They have answered before.
    #[error("You have answered this question already. Your first answer stands.")]
    Already,
    /// It is not asked any more.
    #[error("This question is no longer asked: it was decided, withdrawn, or its time is over.")]
    Over,
    /// Their own action.
    #[error("Nobody decides about their own action.")]
    SelfApproval,
    /// They are not asked.
    #[error("You are not asked this question.")]
    NotAsked,
    /// The host cannot keep it now. Why is in the log.
    #[error("Your answer could not be kept. Nothing has changed; try again in a while.")]
    Unavailable,
}

impl Invitation {
    /// Answers, once: of two answers to one question by the same person the first one counts.
    ///
    /// # Errors
    /// [`Unanswered`], and nothing has changed.
    pub async fn answer(
        &self,
        executions: &Executions,
        choice: Choice,
        reason: Option<String>,
    ) -> Result<Execution, Unanswered> {
        let answer = ApprovalAnswer { choice, reason, seen: Seen::Stage(self.stage) };
        Ok(executions.answer(&self.by, &self.approval, answer).await?)
    }
}

impl From<ExecutionError> for Unanswered {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Answered => Self::Already,
            ExecutionError::NotFound => Self::NotAsked,
            ExecutionError::Changed(_) => Self::Over,
            ExecutionError::Refused(Refused::Vote(refused)) => match refused {
                VoteRefused::Ended(_) => Self::Over,
                VoteRefused::NotAnApprover { .. } => Self::NotAsked,
                VoteRefused::SelfApproval(_) => Self::SelfApproval,
                VoteRefused::ReasonRequired => Self::ReasonRequired,
                VoteRefused::ReasonTooLong(count) => Self::ReasonTooLong(count),
            },
            ExecutionError::Refused(_) => Self::Over,
            error => {
                tracing::error!(%error, "an answer could not be kept");
                Self::Unavailable
            }
        }
    }
}
