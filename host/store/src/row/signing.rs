//! Keys that sign for a tenant: one row a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_core::Tenant;

use crate::error::StoreError;
use crate::sealing::{Opener, Sealed, Sealing};
use crate::signing::SigningKey;

/// One key as it is kept.
pub(crate) struct SigningRow {
    pub(crate) tenant: Tenant,
    pub(crate) kid: String,
    pub(crate) created_ms: u64,
    pub(crate) secret: String,
    pub(crate) retired_ms: Option<u64>,
}

impl SigningRow {
    pub(crate) fn new(tenant: &Tenant, key: &SigningKey) -> Self {
        Self {
            tenant: tenant.clone(),
            kid: key.kid.clone(),
            created_ms: key.created_ms,
            secret: STANDARD.encode(&key.secret),
            retired_ms: key.retired_ms,
        }
    }

    /// As it is to be kept.
    pub(crate) fn seal(&mut self, sealing: &Sealing) {
        let Self { tenant, kid, secret, .. } = self;
        *secret = sealing.seal(tenant, Sealed::SigningKey, (kid, 0), std::mem::take(secret));
    }

    /// The key that a row holds.
    pub(crate) fn key(&self, opener: Opener<'_>) -> Result<SigningKey, StoreError> {
        let secret = opener.open(Sealed::SigningKey, (&self.kid, 0), &self.secret)?;
        let secret = STANDARD.decode(&*secret).map_err(|error| StoreError::Damaged {
            what: "signing key",
            id: self.kid.clone(),
            reason: error.to_string(),
        })?;
        let Self { kid, created_ms, retired_ms, .. } = self;
        Ok(SigningKey {
            kid: kid.clone(),
            created_ms: *created_ms,
            secret,
            retired_ms: *retired_ms,
        })
    }
}

/// Without the secret.
impl std::fmt::Debug for SigningRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningRow").field("kid", &self.kid).finish_non_exhaustive()
    }
}
