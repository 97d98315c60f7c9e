//! Where decisions and what policies store are kept.

use std::sync::Arc;

use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::{DecisionRecord, Ledger};
use writ_store::{Accepted, CommitError, Store};

use super::ephemeral::Ephemeral;

/// Where decisions and what policies store are kept.
#[derive(Clone)]
pub enum Records {
    /// In the store: a decision is durable before it is answered.
    Durable(Store),
    /// In memory, for as long as the process runs: for `writ eval` and for cases.
    Ephemeral(Ephemeral),
}

impl Records {
    /// Reads what policies stored.
    pub fn reader(&self) -> Arc<dyn StorageReader> {
        match self {
            Self::Durable(store) => store.reader(),
            Self::Ephemeral(memory) => Arc::new(memory.clone()),
        }
    }

    /// Reads what people were asked before.
    pub fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        match self {
            Self::Durable(store) => store.approval_reader(),
            Self::Ephemeral(memory) => Arc::new(memory.clone()),
        }
    }

    /// Accepts a decision and the writes of all ledgers, or nothing: others read them from now on.
    ///
    /// # Errors
    /// Where what a ledger read has changed since, or the store cannot answer.
    pub async fn accept(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<Keeping, CommitError> {
        match self {
            Self::Durable(store) => store.accept(decision, ledgers).await.map(Keeping::Disk),
            Self::Ephemeral(memory) => {
                memory.commit(&ledgers).map_err(CommitError::Conflict)?;
                Ok(Keeping::Done)
            }
        }
    }
}

/// A decision that is accepted, on its way to the disk.
#[must_use = "a decision is answered once it is durable"]
pub enum Keeping {
    /// It waits for the disk.
    Disk(Accepted),
    /// It is kept as well as it will ever be.
    Done,
}

impl Keeping {
    /// Waits until the decision is as durable as its place allows.
    ///
    /// # Errors
    /// Where it cannot be made durable.
    pub async fn kept(self) -> Result<(), CommitError> {
        match self {
            Self::Disk(accepted) => accepted.durable().await,
            Self::Done => Ok(()),
        }
    }
}
