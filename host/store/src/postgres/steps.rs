//! Creating and changing executions: one at a time each, whichever host does it.

use std::sync::Arc;

use writ_core::execution::Transition;
use writ_core::{Execution, Tenant};

use super::backend::{Inner, Postgres};
use super::commit::Draft;
use super::scope::{Access, Scope};
use super::{executions, idempotency};
use crate::error::{CommitError, Failure, StoreError};
use crate::execution::{ChangeError, CreateError, Created, Grounds, IdempotencyKey};
use crate::points;
use crate::step::Step;

/// How often a caller's key is looked up that is neither free nor stands for anything.
const TRIES_MAX: usize = 3;

impl Postgres {
    pub(crate) async fn create(
        &self,
        created: Created,
        grounds: Option<Grounds>,
    ) -> Result<(), CreateError> {
        let creating = tokio::spawn(create(self.inner.clone(), created, grounds));
        creating.await.unwrap_or_else(|_| Err(CommitError::from(Failure::closed()).into()))
    }

    pub(crate) async fn repeated(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
    ) -> Result<Option<Execution>, CreateError> {
        let mut view = self.inner.link.read(tenant).await.map_err(StoreError::from)?;
        key.stands_for(idempotency::one(&mut view, self.opener(tenant), key).await?)
    }

    pub(crate) async fn change<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        grounds: Option<Grounds>,
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        let mut transaction = self.writing(tenant).await?;
        let found = executions::hold(&mut transaction, self.opener(tenant), id).await?;
        let before = found.ok_or(ChangeError::NotFound)?;
        let transition = change(&before).map_err(ChangeError::Refused)?;
        let draft = Draft::of_step(Step::changed(&before, &transition, at_ms), grounds);
        self.finish(transaction, draft).await?;
        Ok(transition.next)
    }
}

async fn create(
    inner: Arc<Inner>,
    created: Created,
    grounds: Option<Grounds>,
) -> Result<(), CreateError> {
    let (tenant, keys) = (created.execution.tenant.clone(), created.idempotency.clone());
    let (sealing, step) = (inner.config.sealing.clone(), Step::created(created));
    let opener = sealing.of(&tenant);
    let begun = inner.link.begin(Scope::Tenant(&tenant), Access::Write).await;
    let failed = |error| CommitError::from(inner.link.failed(error));
    let mut transaction = begun.map_err(failed)?;
    // Everybody takes them in this order, so that nobody waits in a circle.
    for (key, row) in keys.iter().zip(&step.idempotency) {
        let mut tries = 1;
        while !idempotency::take(&mut transaction, row).await.map_err(failed)? {
            let found = idempotency::one(&mut transaction, opener, key).await?;
            match key.stands_for(found)? {
                Some(earlier) => return Err(CreateError::Repeated(Box::new(earlier))),
                // It may have been removed just now, as old as it is: then it is free.
                None if tries < TRIES_MAX => tries += 1,
                None => return Err(damaged(key).into()),
            }
        }
        points::pass("postgres.key.taken");
    }
    Ok(inner.finish(transaction, Draft::of_step(step, grounds)).await?)
}

fn damaged(key: &IdempotencyKey) -> CommitError {
    Failure::damaged(format!("the execution of key `{}` is not there", key.key)).into()
}
