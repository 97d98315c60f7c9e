//! What evaluations read, as the ports that core defines: what is committed, by whichever host.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use writ_core::Approval;
use writ_core::ledger::{Listing, Stored, Usage};
use writ_core::ports::{
    About, ApprovalReader, Namespace, Page, PortFuture, StorageReader, Unavailable, Window,
};

use super::backend::Inner;
use super::scope::{Access, Scope};
use super::{history, namespaces, storage};
use crate::error::Failure;

pub(super) struct Reader(pub(super) Arc<Inner>);

impl StorageReader for Reader {
    fn read<'a>(&'a self, namespace: &'a Namespace, key: &'a str) -> PortFuture<'a, Stored> {
        Box::pin(async move { self.0.stored(namespace, key).await.map_err(told) })
    }

    fn usage<'a>(&'a self, namespace: &'a Namespace) -> PortFuture<'a, Usage> {
        Box::pin(async move { self.0.usage(namespace).await.map_err(told) })
    }

    fn list<'a>(&'a self, namespace: &'a Namespace, page: Page<'a>) -> PortFuture<'a, Listing> {
        Box::pin(async move { self.0.list(namespace, page).await.map_err(told) })
    }
}

impl ApprovalReader for Reader {
    fn recent<'a>(&'a self, about: &'a About, window: Window) -> PortFuture<'a, Vec<Approval>> {
        Box::pin(async move { self.0.recent(about, window).await.map_err(told) })
    }
}

impl Inner {
    async fn stored(&self, namespace: &Namespace, key: &str) -> Result<Stored, Failure> {
        self.link.counters.loads.fetch_add(1, Relaxed);
        let mut view = self.link.read(&namespace.tenant).await?;
        let found = storage::some(&mut view, namespace, [key].into_iter()).await?;
        Ok(found.into_values().next().unwrap_or(Stored::ABSENT))
    }

    async fn usage(&self, namespace: &Namespace) -> Result<Usage, Failure> {
        let mut view = self.link.read(&namespace.tenant).await?;
        Ok(namespaces::one(&mut view, namespace).await?.usage)
    }

    /// The generation first: what is committed before the keys are read may show among them, and
    /// then changes the generation, so that such a listing does not commit.
    async fn list(&self, namespace: &Namespace, page: Page<'_>) -> Result<Listing, Failure> {
        let mut view = self.link.read(&namespace.tenant).await?;
        let generation = namespaces::one(&mut view, namespace).await?.generation;
        let keys = storage::list(&mut view, namespace, page).await?;
        Ok(Listing { keys, generation })
    }

    async fn recent(&self, about: &About, window: Window) -> Result<Vec<Approval>, Failure> {
        let scope = Scope::Tenant(&about.tenant);
        let mut view = self.link.begin(scope, Access::Snapshot).await?;
        history::recent(&mut view, self.config.sealing.of(&about.tenant), about, window).await
    }
}

fn told(failure: Failure) -> Unavailable {
    tracing::warn!(error = failure.inside(), "an evaluation cannot read");
    failure.into()
}
