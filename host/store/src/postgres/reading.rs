//! What is durable, as the store's handle tells it.

use tokio::sync::watch;
use writ_core::{Approval, ChainedEvent, Execution, Key, KeyId, Tenant};

use super::approvals::{self, Part};
use super::audit::View;
use super::backend::Postgres;
use super::scope::{Access, Scope};
use super::{batches, decisions, due, events, executions, keys, reseal, signing};
use crate::decisions::Window;
use crate::error::{Failure, StoreError};
use crate::execution::{ApprovalFilter, ExecutionFilter};
use crate::page::Page;
use crate::points;
use crate::reseal::{ResealFrom, ResealRow, Stale};
use crate::row::{END, KeptBatch, KeyChange, SigningRow, StoredDecision};
use crate::sealing::{Opener, Sealing};

impl Postgres {
    pub(crate) async fn batches(
        &self,
        tenant: &Tenant,
        window: &Window,
        limit: u32,
    ) -> Result<Vec<KeptBatch>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        batches::newest(&mut view, tenant, window, limit).await
    }

    pub(crate) async fn decision(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<StoredDecision>, StoreError> {
        decisions::one(&mut *self.inner.link.read(tenant).await?, self.opener(tenant), id).await
    }

    pub(crate) async fn decisions_page(
        &self,
        tenant: &Tenant,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StoredDecision>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        decisions::page(&mut view, self.opener(tenant), before.unwrap_or(END), limit).await
    }

    pub(crate) async fn execution(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<Execution>, StoreError> {
        executions::one(&mut *self.inner.link.read(tenant).await?, self.opener(tenant), id).await
    }

    pub(crate) async fn execution_of_approval(
        &self,
        tenant: &Tenant,
        approval: &str,
    ) -> Result<Option<Execution>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        approvals::execution_of(&mut view, self.opener(tenant), approval).await
    }

    pub(crate) async fn count_of_status(
        &self,
        tenant: &Tenant,
        status: &str,
    ) -> Result<u64, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let count = executions::count_of_status(&mut view, tenant, status).await;
        Ok(count.map_err(Failure::from)?)
    }

    pub(crate) async fn executions_page(
        &self,
        tenant: &Tenant,
        filter: &ExecutionFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Execution>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let before = before.unwrap_or(END);
        executions::page(&mut view, self.opener(tenant), filter, before, limit).await
    }

    /// One view of it all: what is listed is also what is loaded.
    pub(crate) async fn approvals_page(
        &self,
        tenant: &Tenant,
        filter: &ApprovalFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<(Execution, Approval)>, StoreError> {
        let begun = self.inner.link.begin(Scope::Tenant(tenant), Access::Snapshot).await;
        let mut view = begun.map_err(Failure::from)?;
        let part = Part { opener: self.opener(tenant), before: before.unwrap_or(END), limit };
        part.read(&mut view, filter).await
    }

    pub(crate) async fn due(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        Ok(self.take_due(now_ms, limit).await.map_err(Failure::from)?)
    }

    async fn take_due(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, sqlx::Error> {
        let mut transaction = self.inner.link.begin(Scope::AllTenants, Access::Write).await?;
        let lease_ms = self.inner.config.lease_ms;
        let host = &self.inner.host;
        let taken = due::take(&mut transaction, now_ms, limit, host, lease_ms).await?;
        transaction.commit().await?;
        if !taken.is_empty() {
            points::pass("postgres.due.leased");
        }
        Ok(taken)
    }

    pub(crate) async fn next_due_ms(&self) -> Result<Option<u64>, StoreError> {
        let begun = self.inner.link.begin(Scope::AllTenants, Access::Read).await;
        let mut view = begun.map_err(Failure::from)?;
        Ok(due::next_ms(&mut view, &self.inner.host).await.map_err(Failure::from)?)
    }

    pub(crate) async fn events_page(
        &self,
        tenant: &Tenant,
        execution: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        events::page(&mut view, tenant, execution, after, limit).await
    }

    pub(crate) async fn last_sequence(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        Ok(events::last(&mut view, tenant).await.map_err(Failure::from)?)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.events.subscribe()
    }

    pub(crate) async fn view(&self, tenant: &Tenant) -> Result<View, sqlx::Error> {
        let scope = Scope::Tenant(tenant);
        Ok(View::new(tenant, self.inner.link.begin(scope, Access::Snapshot).await?))
    }

    pub(crate) async fn keys(&self, tenant: &Tenant) -> Result<Vec<Key>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        Ok(keys::all(&mut view, tenant).await.map_err(Failure::from)?)
    }

    pub(crate) async fn key(&self, tenant: &Tenant, id: KeyId) -> Result<Option<Key>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        Ok(keys::one(&mut view, tenant, id).await.map_err(Failure::from)?)
    }

    pub(crate) async fn signing_keys(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<SigningRow>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        Ok(signing::all(&mut view, tenant).await.map_err(Failure::from)?)
    }

    pub(crate) fn sealing(&self) -> &Sealing {
        &self.inner.config.sealing
    }

    pub(super) fn opener<'a>(&'a self, tenant: &'a Tenant) -> Opener<'a> {
        self.sealing().of(tenant)
    }

    pub(crate) async fn stale(
        &self,
        tenant: &Tenant,
        from: &ResealFrom,
        mark: &str,
        limit: u32,
    ) -> Result<Vec<Stale>, StoreError> {
        let mut view = self.inner.link.read(tenant).await?;
        let stale = reseal::stale(&mut view, tenant, from, mark, limit).await;
        Ok(stale.map_err(Failure::from)?)
    }

    pub(crate) async fn keep_resealed(
        &self,
        tenant: &Tenant,
        rows: Vec<ResealRow>,
    ) -> Result<(), StoreError> {
        let keep = async {
            let scope = Scope::Tenant(tenant);
            let mut transaction = self.inner.link.begin(scope, Access::Write).await?;
            reseal::keep(&mut transaction, rows).await?;
            transaction.commit().await
        };
        Ok(keep.await.map_err(Failure::from)?)
    }

    pub(crate) fn key_changes(&self) -> watch::Receiver<u64> {
        self.inner.key_changes.subscribe()
    }

    pub(crate) async fn change_key(&self, mut change: KeyChange) -> Result<(), StoreError> {
        change.seal(self.sealing());
        let inner = self.inner.clone();
        // Who stops waiting does not take it back.
        let changing = tokio::spawn(async move {
            let changed = inner.write_key(change).await;
            changed.map_err(|error| inner.link.failed(error))
        });
        Ok(changing.await.unwrap_or_else(|_| Err(Failure::closed()))?)
    }
}
