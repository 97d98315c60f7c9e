//! What becomes of a decision: how it is kept.
//!
//! A plain question is kept as a record. A question that is part of an execution is kept together
//! with the execution's next state.

use std::future::Future;
use std::sync::Arc;

use writ_core::DecisionRecord;
use writ_core::ports::Namespace;
use writ_store::CommitError;

use super::answer::Undecided;
use super::records::{Keeping, Records};
use super::round::Round;

/// Keeps what a round decided. Called once a round, until something is kept.
pub(super) trait Keep: Sync {
    /// What there is once it is kept.
    type Kept: Send;
    /// Why it cannot be kept, whatever is decided.
    type Error: From<Undecided> + Send;

    /// Keeps a decision and what its policies store, or nothing.
    fn keep(
        &self,
        round: &mut Round,
        record: DecisionRecord,
    ) -> impl Future<Output = Result<Attempt<Self::Kept>, Self::Error>> + Send;
}

/// What became of a round.
pub(super) enum Attempt<T> {
    /// It is kept.
    Kept(T),
    /// What was read in these namespaces has changed: it must be decided again.
    Conflict(Vec<Arc<Namespace>>),
}

impl<T> Attempt<T> {
    /// Sorts what the store said.
    pub(super) fn of(decision: &str, result: Result<T, CommitError>) -> Result<Self, Undecided> {
        match result {
            Ok(kept) => Ok(Self::Kept(kept)),
            Err(CommitError::Conflict(namespaces)) => Ok(Self::Conflict(namespaces)),
            Err(CommitError::Unavailable(failure)) => {
                let detail = failure.inside();
                tracing::error!(decision, detail, "a decision is not given, because {failure}");
                Err(Undecided::StorageUnavailable)
            }
        }
    }
}

/// A plain question: accepted, others read what it wrote from now on, and on its way to the disk.
impl Keep for Records {
    type Kept = Keeping;
    type Error = Undecided;

    async fn keep(
        &self,
        round: &mut Round,
        record: DecisionRecord,
    ) -> Result<Attempt<Keeping>, Undecided> {
        let id = record.id.clone();
        let ledgers = round.take_ledgers(round.outcome.permits());
        Attempt::of(&id, self.accept(record, ledgers).await)
    }
}
