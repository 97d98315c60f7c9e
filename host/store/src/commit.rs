//! Committing a decision: what of it is the same whatever the database.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_core::ports::Namespace;
use writ_core::{DecisionRecord, Ledger};

use crate::error::{CommitError, Failure};
use crate::port::on;
use crate::store::Store;

/// Comes when something is durable, or has failed.
pub(crate) type Answer = oneshot::Receiver<Result<(), Failure>>;

/// A commit that has been accepted: it is what others read from now on, and becomes durable later.
#[derive(Debug)]
pub struct Accepted(pub(crate) Answer);

impl Accepted {
    /// Waits until the disk has confirmed the commit. Who stops waiting does not take it back.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`] where it cannot be made durable.
    pub async fn durable(self) -> Result<(), CommitError> {
        Ok(self.0.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }
}

impl Store {
    /// Keeps a decision and what its policies wrote, together or not at all. Durable (the disk has
    /// confirmed it) when this returns. At most one ledger a namespace.
    ///
    /// Each ledger is checked, also one that only read: every version and generation that it saw
    /// must still be so, and what it adds must fit its quota. A caller that stops waiting does not
    /// take the commit back.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] at once, where something does not hold; nothing is kept.
    /// [`CommitError::Unavailable`] where it cannot be made durable.
    pub async fn commit(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<(), CommitError> {
        self.accept(decision, ledgers).await?.durable().await
    }

    /// The first half of [`Store::commit`]: judges and, where that can be done before it is durable,
    /// queues, so that a caller who takes turns with others need not keep them waiting for the disk.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn accept(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<Accepted, CommitError> {
        on!(self, backend => backend.accept(decision, ledgers).await)
    }
}
