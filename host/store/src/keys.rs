//! Keys that name who calls: made, ended, and read as a whole when a host starts.
//!
//! Whoever authenticates holds them in memory; the store keeps them, and tells when another host has
//! changed them.

use tokio::sync::watch;
use writ_core::{Key, KeyId, Tenant};

use crate::error::StoreError;
use crate::port::on;
use crate::row::KeyChange;
use crate::store::Store;

impl Store {
    /// Keeps a new key. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where another key has its id.
    pub async fn create_key(&self, key: Key) -> Result<(), StoreError> {
        on!(self, backend => backend.change_key(KeyChange::Create(key)).await)
    }

    /// Keeps the first key of a tenant, where it never had one: of several that come at once, also
    /// from other hosts, one is kept. Durable when this returns whether it is this one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn create_first_key(&self, key: Key) -> Result<bool, StoreError> {
        let (tenant, id) = (key.principal.tenant.clone(), key.id);
        on!(self, backend => backend.change_key(KeyChange::CreateFirst(key)).await)?;
        Ok(self.key(&tenant, id).await?.is_some())
    }

    /// Ends a key, from `at_ms` (milliseconds since the Unix epoch) on. Durable when this returns.
    /// A key that has been revoked before, or is not there, stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_key(
        &self,
        tenant: &Tenant,
        id: KeyId,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        let change = KeyChange::Revoke { tenant: tenant.clone(), id, at_ms };
        on!(self, backend => backend.change_key(change).await)
    }

    /// Every key of a tenant, also those that have ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keys(&self, tenant: &Tenant) -> Result<Vec<Key>, StoreError> {
        on!(self, backend => backend.keys(tenant).await)
    }

    /// One key of a tenant, also one that has ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn key(&self, tenant: &Tenant, id: KeyId) -> Result<Option<Key>, StoreError> {
        on!(self, backend => backend.key(tenant, id).await)
    }

    /// A count of changes to the keys of all tenants that grows once they can be read, where other
    /// hosts share the database: wait for it to change, then read the keys again. Where none do, it
    /// never changes.
    pub fn key_changes(&self) -> watch::Receiver<u64> {
        on!(self, backend => backend.key_changes())
    }
}
