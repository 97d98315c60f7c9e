//! What is durable of executions, approvals and events, as the store's handle tells it.

use tokio::sync::watch;
use writ_core::{Approval, ChainedEvent, Execution, Key, KeyId, Tenant};

use crate::error::{Failure, StoreError};
use crate::execution::{ApprovalFilter, ExecutionFilter};
use crate::page::Page;
use crate::reseal::{ResealFrom, ResealRow, Stale};
use crate::row::{KeyChange, SigningRow};
use crate::sqlite::audit::View;
use crate::sqlite::backend::Sqlite;
use crate::sqlite::batch::Job;
use crate::sqlite::{approvals, events, executions, keys, reseal, signing};

impl Sqlite {
    pub(crate) async fn execution(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<Execution>, StoreError> {
        executions::one(&self.inner.shared.readers, self.opener(tenant), id).await
    }

    pub(crate) async fn execution_of_approval(
        &self,
        tenant: &Tenant,
        approval: &str,
    ) -> Result<Option<Execution>, StoreError> {
        let mut reader = self.inner.shared.readers.acquire().await.map_err(Failure::from)?;
        approvals::execution_of(&mut reader, self.opener(tenant), approval).await
    }

    pub(crate) async fn count_of_status(
        &self,
        tenant: &Tenant,
        status: &str,
    ) -> Result<u64, StoreError> {
        let count = executions::count_of_status(&self.inner.shared.readers, tenant, status).await;
        Ok(count.map_err(Failure::from)?)
    }

    pub(crate) async fn executions_page(
        &self,
        tenant: &Tenant,
        filter: &ExecutionFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Execution>, StoreError> {
        let opener = self.opener(tenant);
        executions::page(&self.inner.shared.readers, opener, filter, before, limit).await
    }

    pub(crate) async fn approvals_page(
        &self,
        tenant: &Tenant,
        filter: &ApprovalFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<(Execution, Approval)>, StoreError> {
        let opener = self.opener(tenant);
        approvals::page(&self.inner.shared.readers, opener, filter, before, limit).await
    }

    pub(crate) async fn due(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<(Tenant, String)>, StoreError> {
        let due = executions::due(&self.inner.shared.readers, now_ms, limit).await;
        Ok(due.map_err(Failure::from)?)
    }

    pub(crate) async fn next_due_ms(&self) -> Result<Option<u64>, StoreError> {
        let next = executions::next_due_ms(&self.inner.shared.readers).await;
        Ok(next.map_err(Failure::from)?)
    }

    pub(crate) async fn events_page(
        &self,
        tenant: &Tenant,
        execution: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, StoreError> {
        events::page(&self.inner.shared.readers, tenant, execution, after, limit).await
    }

    pub(crate) async fn last_sequence(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let mut reader = self.inner.shared.readers.acquire().await.map_err(Failure::from)?;
        let head = events::head(&mut reader, tenant).await.map_err(Failure::from)?;
        Ok(head.sequence)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.events.subscribe()
    }

    pub(crate) async fn view(&self, tenant: &Tenant) -> Result<View, sqlx::Error> {
        View::open(&self.inner.shared.readers, tenant).await
    }

    pub(crate) async fn keys(&self, tenant: &Tenant) -> Result<Vec<Key>, StoreError> {
        Ok(keys::all(&self.inner.shared.readers, tenant).await.map_err(Failure::from)?)
    }

    pub(crate) async fn key(&self, tenant: &Tenant, id: KeyId) -> Result<Option<Key>, StoreError> {
        Ok(keys::one(&self.inner.shared.readers, tenant, id).await.map_err(Failure::from)?)
    }

    pub(crate) async fn signing_keys(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<SigningRow>, StoreError> {
        Ok(signing::all(&self.inner.shared.readers, tenant).await.map_err(Failure::from)?)
    }

    pub(crate) async fn stale(
        &self,
        tenant: &Tenant,
        from: &ResealFrom,
        mark: &str,
        limit: u32,
    ) -> Result<Vec<Stale>, StoreError> {
        let stale = reseal::stale(&self.inner.shared.readers, tenant, from, mark, limit).await;
        Ok(stale.map_err(Failure::from)?)
    }

    pub(crate) async fn keep_resealed(
        &self,
        _tenant: &Tenant,
        rows: Vec<ResealRow>,
    ) -> Result<(), StoreError> {
        Ok(self.inner.write(Job { resealed: rows, ..Job::default() }).await?)
    }

    pub(crate) fn key_changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.key_changes.subscribe()
    }

    pub(crate) async fn change_key(&self, mut change: KeyChange) -> Result<(), StoreError> {
        change.seal(self.sealing());
        let job = Job { key: Some(Box::new(change)), ..Job::default() };
        Ok(self.inner.write(job).await?)
    }
}
