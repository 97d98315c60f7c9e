//! What is durable of executions, approvals and events.

use tokio::sync::watch;
use writ_core::{Approval, ChainedEvent, Execution, Tenant};

use super::{ApprovalFilter, ExecutionFilter, PAGE_MAX};
use crate::error::StoreError;
use crate::page::Page;
use crate::port::on;
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
        on!(self, backend => backend.execution(tenant, id).await)
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
        on!(self, backend => backend.execution_of_approval(tenant, approval).await)
    }

    /// A tenant's executions, newest first, at most `limit` (and [`PAGE_MAX`]) of those before an
    /// id, and no more after [`PAGE_BYTES_MAX`](crate::PAGE_BYTES_MAX).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn executions_page(
        &self,
        tenant: &Tenant,
        filter: &ExecutionFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<Execution>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        on!(self, backend => backend.executions_page(tenant, filter, before, limit).await)
    }

    /// How many executions of a tenant have a status, by its name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_of_status(&self, tenant: &Tenant, status: &str) -> Result<u64, StoreError> {
        on!(self, backend => backend.count_of_status(tenant, status).await)
    }

    /// A tenant's approvals, each with its execution, newest first, at most `limit` (and
    /// [`PAGE_MAX`]) of those before an approval's id, and no more after
    /// [`PAGE_BYTES_MAX`](crate::PAGE_BYTES_MAX).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn approvals_page(
        &self,
        tenant: &Tenant,
        filter: &ApprovalFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Page<(Execution, Approval)>, StoreError> {
        let limit = limit.min(PAGE_MAX);
        on!(self, backend => backend.approvals_page(tenant, filter, before, limit).await)
    }

    /// Executions of all tenants that time has changed by now (`due_at_ms` is not after `now_ms`),
    /// longest ago first, at most `limit` and [`PAGE_MAX`]. Where hosts share the database, what one
    /// of them is told is that one's for some seconds, or until the execution is changed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn due(&self, now_ms: u64, limit: u32) -> Result<Vec<(Tenant, String)>, StoreError> {
        on!(self, backend => backend.due(now_ms, limit.min(PAGE_MAX)).await)
    }

    /// When time next changes any execution that is not another host's to look at, in milliseconds
    /// since the Unix epoch; none where it changes none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn next_due_ms(&self) -> Result<Option<u64>, StoreError> {
        on!(self, backend => backend.next_due_ms().await)
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
        on!(self, backend => backend.events_page(tenant, execution, after, limit).await)
    }

    /// The place of a tenant's last event in its chain; 0 where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn last_sequence(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        on!(self, backend => backend.last_sequence(tenant).await)
    }

    /// A count of durable events of all tenants, whichever host made them, that grows once they can
    /// be read: wait for it to change, then ask for what is new.
    pub fn changes(&self) -> watch::Receiver<u64> {
        on!(self, backend => backend.changes())
    }
}
