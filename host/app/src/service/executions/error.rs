//! Why nothing became of what a caller wanted with an execution.

use writ_core::execution::{Refused, Status};
use writ_core::{BindingName, Execution};
use writ_store::{ChangeError, CommitError, CreateError, StoreError};

use super::super::Undecided;
use crate::tool_set::Flaw;

/// Why nothing became of it. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// There is none of this id, or none that the caller may see.
    #[error("there is no execution of this id")]
    NotFound,
    /// The state machine refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Policies were asked again before it began, and one gave no verdict.
    #[error("a policy gave no verdict: {0}\nhint: the execution is as it was; claim it again")]
    NoVerdict(String),
    /// The host carries it out itself.
    #[error("the tool `{0}` of this host carries it out\nhint: wait for its end")]
    CarriedOutHere(BindingName),
    /// Its endpoint is registered otherwise now.
    #[error(
        "the endpoint `{0}` is another than the one that was called\nhint: say what became of the call: resolve the execution"
    )]
    EndpointChanged(BindingName),
    /// It came to something, or may have; why, and what to do.
    #[error("{0}")]
    NotRetried(String),
    /// There is no such tool.
    #[error("this host has no tool `{0}`")]
    NoSuchTool(String),
    /// The action is called otherwise than the tool that is to carry it out.
    #[error(
        "the action `{action}` is not the tool `{tool}`\nhint: give the action the tool's name"
    )]
    OtherAction {
        /// The tool.
        tool: String,
        /// The action.
        action: String,
    },
    /// The arguments break the tool's schema.
    #[error("the arguments break the schema of the tool `{0}`")]
    Arguments(BindingName, Vec<Flaw>),
    /// The caller saw an earlier version.
    #[error("it has changed since: it is at version {0}")]
    Changed(u64),
    /// The caller has answered the question already.
    #[error("this question has been answered by the same person already")]
    Answered,
    /// The caller has answered an earlier stage, and does not say that this one is meant.
    #[error(
        "the caller has answered an earlier stage, and stage {0} is asked now\nhint: an answer that is sent again has counted; to answer this stage as well, read the approval and send its `ETag` as `If-Match` (`--stage {0}` on the command line)"
    )]
    Unclear(usize),
    /// The caller's key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The decision could not be stored. Why is in the log.
    #[error(transparent)]
    Undecided(#[from] Undecided),
    /// The store cannot answer. Why is in the log.
    #[error("the store cannot answer now")]
    Unavailable,
}

impl ExecutionError {
    /// Sorts what the store said of a change that refuses nothing by itself.
    pub(super) fn of<R>(error: ChangeError<R>) -> Self {
        match error {
            ChangeError::NotFound => Self::NotFound,
            ChangeError::Commit(error) => error.into(),
            ChangeError::Store(error) => error.into(),
            ChangeError::Refused(_) => Self::unavailable("a refusal where there can be none"),
        }
    }

    /// The store cannot answer: why is for the log alone.
    pub(super) fn unavailable(detail: &str) -> Self {
        tracing::error!(detail, "the store cannot answer for an execution");
        Self::Unavailable
    }

    /// Why an execution is not retried.
    pub(super) fn not_retried(execution: &Execution) -> Self {
        let hint = match execution.status {
            _ if execution.parent.is_some() => "a tool called for it: retry the tool's execution",
            Status::Unknown { .. } => {
                "nobody knows whether it was carried out: resolve it first, as failed where it was not"
            }
            _ => "only what has failed or expired is retried; ask for the action anew",
        };
        let status = execution.status.name();
        Self::NotRetried(format!("the execution is {status}: it is not retried\nhint: {hint}"))
    }
}

impl From<StoreError> for ExecutionError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error.to_string())
    }
}

impl From<CommitError> for ExecutionError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable(failure) => Self::unavailable(failure.inside()),
            CommitError::Conflict(_) => Self::unavailable("a conflict where nothing was read"),
        }
    }
}

impl From<CreateError> for ExecutionError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::KeyReused => Self::KeyReused,
            CreateError::Commit(error) => error.into(),
            CreateError::Store(error) => error.into(),
            CreateError::Repeated(_) => Self::unavailable("a repetition that nobody looked for"),
        }
    }
}
