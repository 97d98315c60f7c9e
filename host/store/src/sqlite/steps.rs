//! Creating and changing executions: one at a time each, and durable when it is answered.

use writ_core::execution::Transition;
use writ_core::{Execution, Tenant};

use crate::commit::Accepted;
use crate::error::CommitError;
use crate::execution::{ChangeError, CreateError, Created, Grounds, IdempotencyKey};
use crate::sqlite::backend::{Inner, Sqlite};
use crate::sqlite::commit::Draft;
use crate::sqlite::locks::{Held, Name};
use crate::sqlite::{executions, idempotency};
use crate::step::Step;

impl Sqlite {
    pub(crate) async fn create(
        &self,
        created: Created,
        grounds: Option<Grounds>,
    ) -> Result<(), CreateError> {
        let tenant = created.execution.tenant.clone();
        let mut held = Vec::with_capacity(1 + created.idempotency.len());
        // Everybody takes them in this order, so that nobody waits in a circle.
        for key in &created.idempotency {
            held.push(self.inner.hold_key(&tenant, key).await);
            if let Some(execution) = self.repeated(&tenant, key).await? {
                return Err(CreateError::Repeated(Box::new(execution)));
            }
        }
        held.push(self.inner.hold(&tenant, &created.execution.id).await);
        Ok(self.inner.keep(Step::created(created), held, grounds).await?)
    }

    pub(crate) async fn repeated(
        &self,
        tenant: &Tenant,
        key: &IdempotencyKey,
    ) -> Result<Option<Execution>, CreateError> {
        let opener = self.opener(tenant);
        key.stands_for(idempotency::one(&self.inner.shared.readers, opener, key).await?)
    }

    pub(crate) async fn change<R>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        grounds: Option<Grounds>,
        change: impl FnOnce(&Execution) -> Result<Transition, R>,
    ) -> Result<Execution, ChangeError<R>> {
        let held = self.inner.hold(tenant, id).await;
        let found = executions::one(&self.inner.shared.readers, self.opener(tenant), id).await?;
        let before = found.ok_or(ChangeError::NotFound)?;
        let transition = change(&before).map_err(ChangeError::Refused)?;
        let step = Step::changed(&before, &transition, at_ms);
        self.inner.keep(step, vec![held], grounds).await?;
        Ok(transition.next)
    }
}

impl Inner {
    pub(super) async fn hold(&self, tenant: &Tenant, id: &str) -> Held {
        self.locks.hold(Name::Execution(tenant.clone(), id.to_owned())).await
    }

    async fn hold_key(&self, tenant: &Tenant, key: &IdempotencyKey) -> Held {
        let requester = key.requester.folded().to_owned();
        self.locks.hold(Name::Key(tenant.clone(), requester, key.key.clone())).await
    }

    /// Judges the grounds, queues it all, and waits for the disk. What is held is held until the
    /// writer has answered.
    async fn keep(
        &self,
        step: Step,
        held: Vec<Held>,
        grounds: Option<Grounds>,
    ) -> Result<(), CommitError> {
        let draft = match grounds {
            Some(Grounds { decision, ledgers }) => Draft::new(decision, ledgers),
            None => Draft::default(),
        };
        let draft = Draft { step: Some(Box::new(step)), held, ..draft };
        Accepted(self.queue(draft).await?).durable().await
    }
}
