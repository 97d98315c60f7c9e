//! Keys that name who calls: made, ended, and read as a whole when a host starts.
//!
//! Whoever authenticates holds them in memory; the store keeps them and asks nothing about them.

use writ_core::{Key, KeyId, Tenant};

use crate::batch::Job;
use crate::error::{Failure, StoreError};
use crate::sqlite::keys::{self, KeyChange};
use crate::store::Store;

impl Store {
    /// Keeps a new key. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also where another key has its id.
    pub async fn create_key(&self, key: Key) -> Result<(), StoreError> {
        self.change_key(KeyChange::Create(key)).await
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
        self.change_key(KeyChange::Revoke { tenant: tenant.clone(), id, at_ms }).await
    }

    /// Every key of a tenant, also those that have ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keys(&self, tenant: &Tenant) -> Result<Vec<Key>, StoreError> {
        Ok(keys::all(&self.inner.shared.readers, tenant).await.map_err(Failure::from)?)
    }

    async fn change_key(&self, change: KeyChange) -> Result<(), StoreError> {
        let job = Job { key: Some(Box::new(change)), ..Job::default() };
        Ok(self.inner.write(job).await?)
    }
}
