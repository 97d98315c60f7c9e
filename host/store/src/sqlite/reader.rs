//! What evaluations read, as the ports that core defines.

use std::sync::Arc;

use writ_core::Approval;
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{
    About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Unavailable, Window,
};

use crate::account::Account;
use crate::error::Failure;
use crate::sqlite::backend::Inner;
use crate::sqlite::shared::Shared;
use crate::sqlite::{history, storage};

/// Answers about storage from memory where it can: then the returned future is ready at once.
pub(crate) struct Reader(pub(crate) Arc<Inner>);

impl StorageReader for Reader {
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        Box::pin(async move { self.0.read(namespace, key).await.map_err(told) })
    }

    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage> {
        Box::pin(async move { Ok(self.0.account(namespace).await.map_err(told)?.usage) })
    }

    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        Box::pin(async move { self.0.list(namespace, page).await.map_err(told) })
    }
}

/// Always reads the database: what is not durable has been asked of nobody.
impl ApprovalReader for Reader {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        Box::pin(async move {
            let Shared { readers, sealing, .. } = &*self.0.shared;
            let opener = sealing.of(&about.tenant);
            history::recent(readers, opener, about, window).await.map_err(told)
        })
    }
}

impl Inner {
    async fn read(&self, namespace: &Namespace, key: &str) -> Result<Stored, Failure> {
        loop {
            let stamp = match self.shared.table().key(namespace, key) {
                Ok(stored) => return Ok(stored),
                Err(stamp) => stamp,
            };
            let stored = self.shared.load(namespace, key).await?;
            if let Some(stored) = self.shared.table().offer_key(namespace, key, stamp, stored) {
                return Ok(stored);
            }
        }
    }

    pub(crate) async fn account(&self, namespace: &Namespace) -> Result<Account, Failure> {
        loop {
            let epoch = match self.shared.table().account(namespace) {
                Ok(account) => return Ok(account),
                Err(epoch) => epoch,
            };
            let usage = self.shared.load_usage(namespace).await?;
            self.shared.table().offer_usage(namespace, epoch, usage);
        }
    }

    /// Lists from the database, once it has all that the generation stands for. What is committed
    /// meanwhile may show, and then changes the generation: such a listing does not commit.
    async fn list(&self, namespace: &Namespace, page: Page<'_>) -> Result<Listing, Failure> {
        let generation = self.account(namespace).await?.generation;
        if self.shared.table().is_ahead(namespace) {
            self.barrier().await?;
        }
        let keys = storage::list(&self.shared.readers, namespace, page).await?;
        Ok(Listing { keys, generation })
    }
}

fn told(failure: Failure) -> Unavailable {
    tracing::warn!(error = failure.inside(), "an evaluation cannot read");
    failure.into()
}
