//! Signatures of components, by the keys that made them.
//!
//! Whose signatures count, and what they are worth, is their users' business: the store keeps texts
//! under the digest that they are about and the key that they are by. A signature needs no event: it
//! vouches for itself, wherever it comes from.

use writ_core::{Digest, Tenant};

use crate::error::StoreError;
use crate::port::on;
use crate::store::Store;

/// A signature of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSignature {
    /// SHA-256 of the component.
    pub component: Digest,
    /// The public key that it is by, as text.
    pub key: String,
    /// The signature, as text.
    pub text: String,
}

/// Signatures that somebody brings, whether or not their components are there.
#[derive(Debug)]
pub struct NewSignatures {
    /// Whose.
    pub tenant: Tenant,
    /// The signatures.
    pub signatures: Vec<ComponentSignature>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl Store {
    /// Keeps signatures, each in place of an earlier one of the same component by the same key. Durable
    /// when this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], and none is kept.
    pub async fn keep_component_signatures(&self, new: NewSignatures) -> Result<(), StoreError> {
        on!(self, backend => backend.keep_component_signatures(new).await)
    }

    /// The signatures of a component, by key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn component_signatures(
        &self,
        tenant: &Tenant,
        component: Digest,
    ) -> Result<Vec<ComponentSignature>, StoreError> {
        on!(self, backend => backend.component_signatures(tenant, component).await)
    }
}
