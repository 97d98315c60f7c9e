//! Where decisions and what policies store are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use writ_core::ports::{ApprovalReader, Namespace, StorageReader};
use writ_core::{DecisionRecord, Ledger};
use writ_store::{Accepted, CommitError, Store, Turns};

use super::ephemeral::Ephemeral;

/// Where decisions and what policies store are kept.
#[derive(Clone)]
pub enum Records {
    /// In the store: a decision is durable before it is answered.
    Durable(Store),
    /// In memory, for as long as the process runs: for `writ eval` and for cases.
    Ephemeral(Ephemeral),
}

impl Records {
    /// Reads what policies stored.
    pub fn reader(&self) -> Arc<dyn StorageReader> {
        match self {
            Self::Durable(store) => store.reader(),
            Self::Ephemeral(memory) => Arc::new(memory.clone()),
        }
    }

    /// Reads what people were asked before.
    pub fn approval_reader(&self) -> Arc<dyn ApprovalReader> {
        match self {
            Self::Durable(store) => store.approval_reader(),
            Self::Ephemeral(memory) => Arc::new(memory.clone()),
        }
    }

    /// The turns of some namespaces among all hosts; none where there is nobody to take turns with,
    /// or where the store cannot say whose turn it is: then only luck is missing.
    pub(super) async fn turns(&self, namespaces: &BTreeSet<Arc<Namespace>>) -> Option<Turns> {
        let Self::Durable(store) = self else { return None };
        store.turns(namespaces).await.inspect_err(|error| tracing::debug!(%error, "no turn")).ok()
    }

    /// Accepts a decision and the writes of all ledgers, or nothing: others read them from now on.
    ///
    /// # Errors
    /// Where what a ledger read has changed since, or the store cannot answer.
    pub async fn accept(
        &self,
        decision: DecisionRecord,
        ledgers: Vec<(Arc<Namespace>, Ledger)>,
    ) -> Result<Keeping, CommitError> {
        match self {
            Self::Durable(store) => store.accept(decision, ledgers).await.map(Keeping::Disk),
            Self::Ephemeral(memory) => {
                memory.commit(&ledgers).map_err(CommitError::Conflict)?;
                Ok(Keeping::Done)
            }
        }
    }
}

/// A decision that is accepted, on its way to the disk.
#[must_use = "a decision is answered once it is durable"]
pub enum Keeping {
    /// It waits for the disk.
    Disk(Accepted),
    /// It is kept as well as it will ever be.
    Done,
}

impl Keeping {
    /// Waits until the decision is as durable as its place allows.
    ///
    /// # Errors
    /// Where it cannot be made durable.
    pub async fn kept(self) -> Result<(), CommitError> {
        match self {
            Self::Disk(accepted) => accepted.durable().await,
            Self::Done => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use writ_core::execution::{Asking, Event, Ruling};
    use writ_core::ports::{About, Window};
    use writ_core::{
        Action, Approval, Digest, Disposition, Entity, Execution, Json, Request, Requirement,
        Stage, Tenant,
    };
    use writ_store::{Created, StoreConfig};

    use super::*;

    fn request() -> Request {
        let entity = |kind: &str| Entity {
            kind: kind.into(),
            id: "1".into(),
            properties: Json::empty_object(),
        };
        Request {
            subject: entity("agent"),
            action: Action { name: "pay".into(), properties: Json::empty_object() },
            resource: entity("account"),
            context: Json::empty_object(),
        }
    }

    /// An execution that waits for Ann.
    fn asking() -> Created {
        let stage = Stage {
            approvers: vec!["user:ann".into()],
            quorum: 1,
            expires_after_seconds: 60,
            on_expiry: Disposition::Deny,
        };
        let requirement = Requirement {
            title: "Pay".into(),
            reason: String::new(),
            stages: vec![stage],
            allow_self_approval: false,
            reason_required: false,
        };
        let binding = "review".parse().unwrap();
        let asking = Asking { approval: "a1".into(), binding, requirement };
        let (tenant, requester) = (Tenant::default(), "app".parse().unwrap());
        let received =
            Execution::received("e1".into(), tenant, requester, request(), 60_000, 1_000);
        let (ruling, at_ms) = (Ruling::Asked(vec![asking]), 1_000);
        let decided = Event::Decided {
            policy_set: Digest::of("set"),
            decision: "d1".into(),
            ruling,
            request: request(),
            at_ms,
        };
        let transition = received.apply(decided).unwrap();
        let (execution, facts) = (transition.next, transition.facts);
        Created { execution, facts, at_ms, idempotency: Vec::new(), retries: None }
    }

    async fn recent(records: &Records) -> Vec<Approval> {
        let about = About::of(&Tenant::default(), &request());
        let window = Window { since_ms: 0, limit: 100 };
        records.approval_reader().recent(&about, window).await.unwrap()
    }

    #[tokio::test]
    async fn what_people_were_asked_is_read_where_decisions_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(directory.path().join("data"))).await.unwrap();
        let created = asking();
        let approvals = created.execution.approvals.clone();
        store.create(created, None).await.unwrap();
        assert_eq!(recent(&Records::Durable(store)).await, approvals);
        assert_eq!(recent(&Records::Ephemeral(Ephemeral::default())).await, []);
    }
}
