//! Events of a tenant that no execution is told of.

use super::backend::{Inner, Postgres};
use super::events;
use super::scope::{Access, Scope};
use crate::error::{Failure, StoreError};
use crate::step::TenantEvent;
use crate::strand;

impl Postgres {
    pub(crate) async fn tell(&self, event: TenantEvent) -> Result<(), StoreError> {
        let inner = self.inner.clone();
        // Who stops waiting does not take it back.
        let telling = tokio::spawn(async move {
            let told = inner.tell(event).await;
            told.map_err(|error| inner.link.failed(error))
        });
        Ok(telling.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }
}

impl Inner {
    /// Tells how far this host's strands of decisions have come, where that is not told.
    pub(super) async fn anchor(&self, at_ms: u64) {
        for (tenant, places) in self.strands.untold() {
            match self.tell(strand::anchored(&tenant, places.clone(), at_ms)).await {
                Ok(()) => self.strands.note_told(&tenant, &places),
                Err(error) => tracing::warn!(%error, "how far decisions have come is not told"),
            }
        }
    }

    async fn tell(&self, TenantEvent { tenant, evidence }: TenantEvent) -> Result<(), sqlx::Error> {
        let mut transaction = self.link.begin(Scope::Tenant(&tenant), Access::Write).await?;
        events::append(&mut transaction, &tenant, vec![evidence]).await?;
        transaction.commit().await
    }
}
