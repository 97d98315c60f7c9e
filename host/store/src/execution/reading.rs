//! What is durable of executions, approvals and events.

use tokio::sync::watch;
use writ_core::{Approval, ChainedEvent, Execution, Tenant};

use super::{ApprovalFilter, ExecutionFilter, PAGE_MAX};
use crate::error::{Failure, StoreError};
use crate::sqlite::{approvals, events, executions};
use crate::store::Store;

impl Store {
    /// One execution of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn execution(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<Execution>, StoreError> {
        executions::one(&self.inner.shared.readers, tenant, id).await
    }

    /// The execution that an approval belongs to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn execution_of_approval(
        &self,
        tenant: &Tenant,
        approval: &str,
    ) -> Result<Option<Execution>, StoreError> {
        let mut reader = self.inner.shared.readers.acquire().await.map_err(Failure::from)?;
        approvals::execution_of(&mut reader, tenant, approval).await
    }

    /// A tenant's executions, newest first, at most `limit` (and [`PAGE_MAX`]) of those before an
    /// id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn executions_page(
        &self,
        tenant: &Tenant,
        filter: &ExecutionFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Execution>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        executions::page(&self.inner.shared.readers, tenant, filter, before, limit).await
    }

    /// A tenant's approvals, each with its execution, newest first, at most `limit` (and
    /// [`PAGE_MAX`]) of those before an approval's id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn approvals_page(
        &self,
        tenant: &Tenant,
        filter: &ApprovalFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(Execution, Approval)>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        approvals::page(&self.inner.shared.readers, tenant, filter, before, limit).await
    }

    /// Executions of all tenants that time has changed by now (`due_at_ms` is not after `now_ms`),
    /// longest ago first, at most `limit` and [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn due(&self, now_ms: u64, limit: u32) -> Result<Vec<(Tenant, String)>, StoreError> {
        let due = executions::due(&self.inner.shared.readers, now_ms, limit.min(PAGE_MAX)).await;
        Ok(due.map_err(Failure::from)?)
    }

    /// When time next changes any execution, in milliseconds since the Unix epoch; none where it
    /// changes none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next_due_ms(&self) -> Result<Option<u64>, StoreError> {
        let next = executions::next_due_ms(&self.inner.shared.readers).await;
        Ok(next.map_err(Failure::from)?)
    }

    /// A tenant's events after a place in its chain, oldest first, at most `limit` (and
    /// [`PAGE_MAX`]); only one execution's where one is given. Whether they are as they were
    /// written is not looked at: [`writ_core::Verifier`] tells.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn events_page(
        &self,
        tenant: &Tenant,
        execution: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<ChainedEvent>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        events::page(&self.inner.shared.readers, tenant, execution, after, limit).await
    }

    /// The place of a tenant's last event in its chain; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn last_sequence(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let mut reader = self.inner.shared.readers.acquire().await.map_err(Failure::from)?;
        let head = events::head(&mut reader, tenant).await.map_err(Failure::from)?;
        Ok(head.sequence)
    }

    /// A count of durable events of all tenants, since the store was opened. It grows once they can
    /// be read: wait for it to change, then ask for what is new.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.shared.events.subscribe()
    }
}
