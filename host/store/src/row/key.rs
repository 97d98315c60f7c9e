//! API keys, and keys that sign: one row a key, which stays when the key has ended.

use writ_core::{Key, KeyId, Tenant};

use super::SigningRow;
use crate::sealing::Sealing;

/// What becomes of a key.
#[derive(Debug)]
pub(crate) enum KeyChange {
    Create(Key),
    /// Only where the tenant never had a key.
    CreateFirst(Key),
    Revoke {
        tenant: Tenant,
        id: KeyId,
        at_ms: u64,
    },
    /// Only where the tenant has none in use.
    KeepSigning(SigningRow),
    /// In place of the one in use.
    RotateSigning {
        key: SigningRow,
        forget_before_ms: u64,
    },
}

impl KeyChange {
    /// As it is to be kept: of keys that name callers only a digest is.
    pub(crate) fn seal(&mut self, sealing: &Sealing) {
        match self {
            Self::KeepSigning(key) | Self::RotateSigning { key, .. } => key.seal(sealing),
            Self::Create(_) | Self::CreateFirst(_) | Self::Revoke { .. } => {}
        }
    }

    /// Whose key it is.
    pub(crate) fn tenant(&self) -> &Tenant {
        match self {
            Self::Create(key) | Self::CreateFirst(key) => &key.principal.tenant,
            Self::Revoke { tenant, .. } => tenant,
            Self::KeepSigning(key) | Self::RotateSigning { key, .. } => &key.tenant,
        }
    }
}
