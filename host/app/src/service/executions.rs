//! Executions: actions that are decided, agreed to by people, and carried out once.
//!
//! Core's state machine says what may happen; here it is fed. Each use case loads, steps and keeps
//! in one transaction of the store, together with the decision that it is built on. Who calls is a
//! [`Principal`]: what it may do at all is checked by the route, what it may do with *this*
//! execution is checked here.

mod clock;
mod create;
mod error;
mod follow;
mod list;
mod people;
mod ruling;
mod start;
mod tools;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use writ_core::execution::{Event, Fact, Refused, Status, Transition};
use writ_core::{Execution, Principal, Role, Tenant};
use writ_store::{ChangeError, Grounds, Store, Verified, VerifyError};

use super::Service;
use crate::background::to_its_end;
use crate::clock::now_ms;
use crate::tool_set::Toolbox;
pub use clock::Clock;
use create::Nested;
pub use create::NewExecution;
pub use error::ExecutionError;
pub use list::{Part, View};
pub use people::{Answer as ApprovalAnswer, Seen};
pub use start::{Claim, Permit};
use tools::Workshop;
pub use tools::{Worker, WorkerConfig};
use wait::Waiting;

/// What executes, and where executions are kept. Cheap to clone.
#[derive(Clone)]
pub struct Executions {
    service: Arc<Service>,
    store: Store,
    waiting: Arc<Waiting>,
    tools: Arc<Toolbox>,
    workshop: Arc<Workshop>,
    /// One at a time follows the chain, which keeps a connection to itself.
    verifying: Arc<Mutex<()>>,
}

impl Executions {
    /// Executions that `service` decides and `store` keeps.
    pub fn new(service: Arc<Service>, store: Store) -> Self {
        Self {
            service,
            store,
            waiting: Arc::default(),
            tools: Arc::default(),
            workshop: Arc::new(Workshop::new(WorkerConfig::default())),
            verifying: Arc::default(),
        }
    }

    /// The same, with tools that this host carries actions out with.
    #[must_use]
    pub fn with_tools(self, tools: Arc<Toolbox>, config: WorkerConfig) -> Self {
        Self { tools, workshop: Arc::new(Workshop::new(config)), ..self }
    }

    /// Where executions are kept, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a tenant's evidence is whole.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub async fn verify(&self, tenant: &Tenant) -> Result<Verified, VerifyError> {
        let _turn = self.verifying.lock().await;
        self.store.verify(tenant).await
    }

    /// An execution that a principal may see: its own, one that it is asked about, or any where it
    /// is an operator or auditor.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`], also where it may not be seen.
    pub async fn one(&self, by: &Principal, id: &str) -> Result<Execution, ExecutionError> {
        let found = self.store.execution(&by.tenant, id).await?;
        found.filter(|found| may_see(by, found)).ok_or(ExecutionError::NotFound)
    }

    /// Wakes those who wait for an execution, and whoever is to run its tool.
    fn told(&self, changed: Execution) -> Execution {
        self.waiting.tell(&changed.id);
        self.workshop.note(&changed);
        changed
    }

    /// Steps an execution, unless that is done: whoever did not hear the answer says it again.
    async fn step_once(
        &self,
        by: &Principal,
        id: &str,
        event: Event,
        is_done: impl FnOnce(&Status) -> bool + Send + 'static,
    ) -> Result<Execution, ExecutionError> {
        enum Unstepped {
            Done(Box<Execution>),
            Refused(Refused),
        }
        let change = move |current: &Execution| match is_done(&current.status) {
            true => Err(Unstepped::Done(Box::new(current.clone()))),
            false => current.apply(event).map_err(Unstepped::Refused),
        };
        match self.change(&by.tenant, id, now_ms(), None, change).await {
            Ok(changed) => Ok(changed),
            Err(ChangeError::Refused(Unstepped::Done(current))) => Ok(*current),
            Err(ChangeError::Refused(Unstepped::Refused(refused))) => Err(refused.into()),
            Err(error) => Err(ExecutionError::of(error)),
        }
    }

    /// Steps an execution, keeps that, counts it, and tells who waits for it. Whoever stops waiting does
    /// not take it back, and leaves nobody untold.
    async fn change<R: Send + 'static>(
        &self,
        tenant: &Tenant,
        id: &str,
        at_ms: u64,
        grounds: Option<Grounds>,
        change: impl FnOnce(&Execution) -> Result<Transition, R> + Send + 'static,
    ) -> Result<Execution, ChangeError<R>> {
        let (this, tenant, id) = (self.clone(), tenant.clone(), id.to_owned());
        to_its_end(Box::pin(async move {
            let mut took = Vec::new();
            let step = |current: &Execution| {
                let transition = change(current)?;
                took = approvals_took(&transition, at_ms);
                Ok(transition)
            };
            let changed = this.store.change(&tenant, &id, at_ms, grounds, step).await?;
            for took in took {
                this.service.metrics().approval_ended(&changed.request.action.name, took);
            }
            Ok(this.told(changed))
        }))
        .await
    }
}

/// How long each approval took that a step ends.
fn approvals_took(step: &Transition, at_ms: u64) -> Vec<Duration> {
    let ended = step.facts.iter().filter_map(|fact| match fact {
        Fact::Ended { approval, .. } => step.next.approval(approval),
        _ => None,
    });
    ended.map(|ended| Duration::from_millis(at_ms.saturating_sub(ended.opened_at_ms))).collect()
}

/// Who sent an execution carries it out or calls it off, or an operator does.
fn may_carry_out(by: &Principal, execution: &Execution) -> Result<(), ExecutionError> {
    let may = execution.requester == by.person || by.has_any(&[Role::Operator]);
    if may { Ok(()) } else { Err(ExecutionError::NotFound) }
}

fn sees_all(by: &Principal) -> bool {
    by.has_any(&[Role::Operator, Role::Auditor])
}

fn may_see(by: &Principal, execution: &Execution) -> bool {
    sees_all(by)
        || execution.requester == by.person
        || (by.has_any(&[Role::Approver]) && people::concerns(by, execution))
}
