//! Executions as a service would make and move them.

use std::collections::BTreeSet;

use writ_core::approval::{Ballot, Choice};
use writ_core::execution::{Asking, Event, Permission, Refused, Report, Ruling};
use writ_core::{
    Action, Digest, Disposition, Entity, Execution, Json, Person, Request, Requirement, Stage,
    Tenant,
};
use writ_store::{ChangeError, Created, Grounds, IdempotencyKey, Store};

use super::evaluation::{Evaluation, NOW_MS, decision, next_id};

pub fn person(text: &str) -> Person {
    text.parse().unwrap()
}

pub fn tenant(text: &str) -> Tenant {
    text.parse().unwrap()
}

pub fn request() -> Request {
    let entity = |kind: &str, id: &str| Entity {
        kind: kind.into(),
        id: id.into(),
        properties: Json::parse(r#"{"note":"ä\u0000\"'; --","amount":12.5}"#).unwrap(),
    };
    Request {
        subject: entity("agent", "bot"),
        action: Action { name: "pay".into(), properties: Json::empty_object() },
        resource: entity("account", "X"),
        context: Json::empty_object(),
    }
}

/// How a new execution comes about.
pub struct Flow {
    pub tenant: Tenant,
    pub requester: Person,
    pub request: Request,
    pub at_ms: u64,
    pub ruling: Ruling,
    pub keys: Vec<IdempotencyKey>,
}

/// Allowed at once.
pub fn permitted() -> Flow {
    Flow {
        tenant: Tenant::default(),
        requester: person("App"),
        request: request(),
        at_ms: NOW_MS,
        ruling: Ruling::Permitted,
        keys: Vec::new(),
    }
}

/// Waits for the approval of these, one stage after the other.
pub fn asking(stages: &[&[&str]]) -> Flow {
    let binding = "review".parse().unwrap();
    let asking = Asking { approval: next_id(), binding, requirement: requirement(stages) };
    Flow { ruling: Ruling::Asked(vec![asking]), ..permitted() }
}

/// One approval in each stage, within a minute.
pub fn requirement(stages: &[&[&str]]) -> Requirement {
    let stage = |approvers: &&[&str]| Stage {
        approvers: approvers.iter().map(|approver| (*approver).to_owned()).collect(),
        quorum: 1,
        expires_after_seconds: 60,
        on_expiry: Disposition::Escalate,
    };
    Requirement {
        title: "Pay to X".into(),
        reason: String::new(),
        stages: stages.iter().map(stage).collect(),
        allow_self_approval: false,
        reason_required: false,
    }
}

impl Flow {
    pub fn of(self, tenant: &str, requester: &str) -> Self {
        Self { tenant: tenant.parse().unwrap(), requester: person(requester), ..self }
    }

    pub fn about(self, request: Request) -> Self {
        Self { request, ..self }
    }

    pub fn at(self, at_ms: u64) -> Self {
        Self { at_ms, ..self }
    }

    pub fn with_key(self, key: &str, body: &str) -> Self {
        let requester = self.requester.clone();
        let key = IdempotencyKey { requester, key: key.into(), body: Digest::of(body) };
        let keys = self.keys.into_iter().chain([key]).collect();
        Self { keys, ..self }
    }

    pub fn created(self) -> Created {
        let Self { tenant, requester, request, at_ms, ruling, keys } = self;
        let received =
            Execution::received(next_id(), tenant, requester, request.clone(), 300_000, at_ms);
        let decided = Event::Decided {
            policy_set: Digest::of("set"),
            decision: next_id(),
            ruling,
            request,
            at_ms,
        };
        let transition = received.apply(decided).unwrap();
        let (execution, facts) = (transition.next, transition.facts);
        Created { execution, facts, at_ms, idempotency: keys, retries: None }
    }

    /// Creates it, without grounds, and returns it as it was kept.
    pub async fn create(self, store: &Store) -> Execution {
        let created = self.created();
        let execution = created.execution.clone();
        store.create(created, None).await.unwrap();
        execution
    }
}

/// Lets something happen to an execution.
pub async fn happen(
    store: &Store,
    execution: &Execution,
    event: Event,
) -> Result<Execution, ChangeError<Refused>> {
    let Execution { tenant, id, .. } = execution;
    store.change(tenant, id, NOW_MS + 1, None, |execution| execution.apply(event)).await
}

pub fn vote(execution: &Execution, voter: &str) -> Event {
    let ballot = Ballot {
        voter: person(voter),
        groups: BTreeSet::new(),
        choice: Choice::Approve,
        reason: None,
        at_ms: NOW_MS + 1,
    };
    Event::Voted { approval: execution.approvals[0].id.clone(), ballot }
}

pub fn claim(execution: &Execution) -> Event {
    let permission = Permission {
        holder: person("worker"),
        action: execution.digest,
        permit: Digest::of("permit"),
        lease_until_ms: NOW_MS + 30_000,
    };
    Event::Claimed { permission, at_ms: NOW_MS + 1 }
}

pub fn report() -> Event {
    let report = Report::Succeeded(Json::empty_object());
    Event::Reported {
        by: "app".parse().unwrap(),
        permit: Digest::of("permit"),
        report,
        at_ms: NOW_MS + 2,
    }
}

pub fn cancel() -> Event {
    Event::Cancelled { by: person("op"), reason: Some("no".into()), at_ms: NOW_MS + 1 }
}

/// Grounds that count in a key of storage.
pub async fn grounds(store: &Store, key: &str) -> Grounds {
    let mut evaluation = Evaluation::new(store);
    evaluation.increment(key, 1).await;
    Grounds { decision: decision(), ledgers: vec![(evaluation.namespace, evaluation.ledger)] }
}
