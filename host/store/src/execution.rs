//! Executions, what people are asked about them, and the events that tell of them.

mod errands;
mod journal;
mod reading;
mod writing;

use std::collections::BTreeSet;
use std::sync::Arc;

use writ_core::execution::Fact;
use writ_core::ports::Namespace;
use writ_core::{DecisionRecord, Digest, Execution, Ledger, Person};

use crate::error::{CommitError, StoreError};
pub use errands::DueErrand;
pub use journal::{RecordError, Run};

/// How long a caller's key for a request may be, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 256;
/// How many items a page has at most, whatever is asked for.
pub const PAGE_MAX: u32 = 1_000;

/// What is kept in the same transaction as a new state: the decision and what its policies store.
#[derive(Debug)]
pub struct Grounds {
    /// The decision.
    pub decision: DecisionRecord,
    /// What its policies read and want stored; at most one a namespace.
    pub ledgers: Vec<(Arc<Namespace>, Ledger)>,
}

/// A key for a request that may be sent again: a caller's own (the HTTP `Idempotency-Key` header), or
/// what can be sent only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key: two requesters may use the same.
    pub requester: Person,
    /// The key, of 1 to [`IDEMPOTENCY_KEY_BYTES_MAX`] bytes.
    pub key: String,
    /// Digest of what was sent with it.
    pub body: Digest,
}

impl IdempotencyKey {
    /// Whether it has as many bytes as it may.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.key.len() {
            1..=IDEMPOTENCY_KEY_BYTES_MAX => Ok(()),
            bytes => Err(StoreError::KeyBytes(bytes)),
        }
    }

    /// What it stands for, where something was sent with it before.
    pub(crate) fn stands_for(
        &self,
        found: Option<(Digest, Execution)>,
    ) -> Result<Option<Execution>, CreateError> {
        match found {
            None => Ok(None),
            Some((sent, execution)) if sent == self.body => Ok(Some(execution)),
            Some(_) => Err(CreateError::KeyReused),
        }
    }
}

/// A new execution.
#[derive(Clone, Debug)]
pub struct Created {
    /// The execution, at whatever version it is first kept.
    pub execution: Execution,
    /// What has happened to it so far; never empty.
    pub facts: Vec<Fact>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Keys that stand for it from now on, in the order in which they are taken: that of the caller
    /// first. What any of them stands for already is the same request, sent again.
    pub idempotency: Vec<IdempotencyKey>,
    /// The execution that it is a retry of, as it ended: it is told of it, and must still be there.
    pub retries: Option<Box<Execution>>,
}

/// A new execution was not kept.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its grounds do not hold any more, or the store cannot keep it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The same was sent before, with the same key: this is what came of it.
    #[error("the key was used before for the same request")]
    Repeated(Box<Execution>),
    /// Something else was sent before with the same key.
    #[error("the key was used before for another request\nhint: use a new key for each request")]
    KeyReused,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An execution was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<R> {
    /// The tenant has no such execution.
    #[error("there is no such execution")]
    NotFound,
    /// The change itself says no.
    #[error("{0}")]
    Refused(R),
    /// Its grounds do not hold any more, or the store cannot keep it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which executions are listed; without any condition, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Only those that somebody sent.
    pub requester: Option<Person>,
    /// Only those of a status, by its name.
    pub status: Option<String>,
}

/// Which approvals are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalFilter {
    /// Pending ones whose present stage asks somebody, by name or by one of their groups.
    Asking {
        /// Who.
        person: Person,
        /// The groups that they are in.
        groups: BTreeSet<Person>,
    },
    /// All pending ones.
    Pending,
    /// All that have ended.
    Ended,
    /// Those that somebody has answered, whatever became of them.
    AnsweredBy(Person),
}
