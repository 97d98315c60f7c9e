//! Keys that sign for a tenant: one in use, which all hosts share, and those that were before it.
//!
//! What they sign, and for how long a retired one still verifies, is their users' business.

use std::fmt;

use writ_core::Tenant;

use crate::error::StoreError;
use crate::port::on;
use crate::row::{KeyChange, SigningRow};
use crate::store::Store;

/// A key that signs for a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The key itself, as PKCS #8 (RFC 5208).
    pub secret: Vec<u8>,
    /// Since when another is used in its place; none while it is in use.
    pub retired_ms: Option<u64>,
}

impl Store {
    /// Every key that signs, or has signed, for a tenant, oldest first. One at most is in use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Damaged`].
    pub async fn signing_keys(&self, tenant: &Tenant) -> Result<Vec<SigningKey>, StoreError> {
        let rows = on!(self, backend => backend.signing_keys(tenant).await)?;
        let opener = on!(self, backend => backend.sealing()).of(tenant);
        rows.iter().map(|row| row.key(opener)).collect()
    }

    /// Keeps a tenant's key where none is in use: of several that come at once, also from other
    /// hosts, one is kept. Durable when this returns; [`Store::signing_keys`] tells which it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn keep_signing_key(
        &self,
        tenant: &Tenant,
        key: &SigningKey,
    ) -> Result<(), StoreError> {
        let change = KeyChange::KeepSigning(SigningRow::new(tenant, key));
        on!(self, backend => backend.change_key(change).await)
    }

    /// Puts a key in the place of the one in use, which is retired when the new one was made, and
    /// forgets those that were retired before a time (in milliseconds since the Unix epoch).
    /// Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn rotate_signing_key(
        &self,
        tenant: &Tenant,
        key: &SigningKey,
        forget_before_ms: u64,
    ) -> Result<(), StoreError> {
        let key = SigningRow::new(tenant, key);
        let change = KeyChange::RotateSigning { key, forget_before_ms };
        on!(self, backend => backend.change_key(change).await)
    }
}

/// Without the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, created_ms, secret: _, retired_ms } = self;
        let mut shown = f.debug_struct("SigningKey");
        shown.field("kid", kid).field("created_ms", created_ms).field("retired_ms", retired_ms);
        shown.finish_non_exhaustive()
    }
}
