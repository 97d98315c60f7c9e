//! Events of a tenant that no execution is told of.

use writ_core::Tenant;
use writ_core::chain::Evidence;

use crate::error::StoreError;
use crate::port::on;
use crate::step::TenantEvent;
use crate::store::Store;

impl Store {
    /// Gives what happened to a tenant its place at the end of the tenant's chain. Durable when this
    /// returns; who stops waiting does not take it back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tell(&self, tenant: &Tenant, evidence: Evidence) -> Result<(), StoreError> {
        let event = TenantEvent { tenant: tenant.clone(), evidence };
        on!(self, backend => backend.tell(event).await)
    }
}
