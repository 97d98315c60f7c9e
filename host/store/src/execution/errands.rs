//! What transitions call for at other executions, until it is done.

use writ_core::Tenant;
use writ_core::execution::Errand;

use super::PAGE_MAX;
use crate::error::{CommitError, StoreError};
use crate::port::on;
use crate::row::WorkerNote;
use crate::store::Store;

/// An errand that may be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueErrand {
    /// Whose.
    pub tenant: Tenant,
    /// Names it among the tenant's.
    pub id: String,
    /// What is to be done.
    pub errand: Errand,
}

impl Store {
    /// Errands of all tenants that may be done now, longest ago first, at most `limit` and
    /// [`PAGE_MAX`]. Where hosts share the database, each sees the same: what one has done changes
    /// nothing when another does it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn errands(&self, now_ms: u64, limit: u32) -> Result<Vec<DueErrand>, StoreError> {
        on!(self, backend => backend.errands(now_ms, limit.min(PAGE_MAX)).await)
    }

    /// Takes note that an errand is done. Durable when this returns.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`].
    pub async fn errand_done(&self, due: &DueErrand) -> Result<(), CommitError> {
        let (tenant, errand) = (due.tenant.clone(), due.id.clone());
        on!(self, backend => backend.note(WorkerNote::Done { tenant, errand }).await)
    }

    /// Puts an errand off, until `at_ms` (milliseconds since the Unix epoch).
    ///
    /// # Errors
    /// [`CommitError::Unavailable`].
    pub async fn errand_later(&self, due: &DueErrand, at_ms: u64) -> Result<(), CommitError> {
        let (tenant, errand) = (due.tenant.clone(), due.id.clone());
        on!(self, backend => backend.note(WorkerNote::Later { tenant, errand, at_ms }).await)
    }
}
