//! API keys: one row a key, which stays when the key has ended.

use writ_core::{Key, KeyId, Tenant};

/// What becomes of a key.
#[derive(Debug)]
pub(crate) enum KeyChange {
    Create(Key),
    Revoke { tenant: Tenant, id: KeyId, at_ms: u64 },
}

impl KeyChange {
    /// Whose key it is.
    pub(crate) fn tenant(&self) -> &Tenant {
        match self {
            Self::Create(key) => &key.principal.tenant,
            Self::Revoke { tenant, .. } => tenant,
        }
    }
}
