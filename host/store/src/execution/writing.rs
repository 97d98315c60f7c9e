//! Creating and changing executions: one at a time each, and durable when it is answered.

use writ_core::execution::Transition;
use writ_core::{Execution, Tenant};

use super::{ChangeError, CreateError, Created, Grounds, IdempotencyKey};
use crate::port::on;
use crate::store::Store;

impl Store {
    /// Keeps a new execution with its events, and its grounds, together or not at all. Durable when
    /// this returns. A caller that stops waiting does not take it back.
    ///
    /// Of several that come at once with one key, one is kept.
    ///
    /// # Errors
    /// Each of [`CreateError`]; then nothing is kept.
    pub async fn create(
        &self,
        created: Created,
        grounds: Option<Grounds>,
    ) -> Result<(), CreateError> {
        created.idempotency.iter().try_for_each(IdempotencyKey::check)?;
        on!(self, backend => backend.create(created, grounds).await)
    }

    /// The execution that the same request with the same key has led to; none where the key is new.
    ///
    /// # Errors
    /// [`CreateError::KeyReused`] and [`CreateError::Store`].
    pub async fn repeated(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
    ) -> Result<Option<Execution>, CreateError> {
        key.check()?;
        on!(self, backend => backend.repeated(tenant, key).await)
    }

    /// Loads an execution, calls `change` once, and keeps the next state with its events, and the
    /// grounds, together or not at all. Durable when this returns what the execution then is.
    /// Changes of one execution happen one after the other. A caller that stops waiting does not
    /// take the change back.
    ///
    /// # Errors
    /// Each of [`ChangeError`]; then nothing is kept.
    pub async fn change<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        grounds: Option<Grounds>,
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        on!(self, backend => backend.change(tenant, id, at_ms, grounds, change).await)
    }
}
