//! Journals of running tools: appended with what they store, by the last run alone.

use std::slice;

use writ_core::execution::{Awaited, Event};
use writ_core::journal::{Entry, Outcome};
use writ_core::tool::{Answer, HostCall};
use writ_core::{BoundTool, Digest, Execution};
use writ_store::{ChangeError, CommitError, RecordError, Run, Store};

use super::evaluation::{Evaluation, NOW_MS, get};
use super::flow::{claim, happen, permitted, report, tenant};

/// An execution that a tool carries out and nobody has begun.
async fn allowed(store: &Store) -> Execution {
    let tool = BoundTool { name: "payout".parse().unwrap(), digest: Digest::of("component") };
    let mut created = permitted().created();
    let execution = created.execution.by_tool(tool);
    created.execution = execution.clone();
    store.create(created, None).await.unwrap();
    execution
}

pub async fn running(store: &Store) -> (Execution, Run) {
    let allowed = allowed(store).await;
    let running = happen(store, &allowed, claim(&allowed)).await.unwrap();
    let (tenant, execution) = (running.tenant.clone(), running.id.clone());
    let run = Run { tenant, execution, fence: running.fence };
    (running, run)
}

pub fn entry(number: u64) -> Entry {
    let call = HostCall::Increment { key: "n".into(), delta: i64::MAX, ttl: None };
    let outcome = Outcome::Answered(Answer::Count { count: i64::MAX });
    Entry { number, name: call.name().into(), call: call.digest(), outcome }
}

async fn work(store: &Store, now_ms: u64) -> Vec<String> {
    let found = store.work(now_ms, 100).await.unwrap();
    found.into_iter().map(|(_, execution)| execution).collect()
}

pub async fn a_journal_reads_back_in_order(store: &Store) {
    let (running, run) = running(store).await;
    store.record(&run, &[entry(0), entry(1)], Vec::new()).await.unwrap();
    store.record(&run, &[entry(2)], Vec::new()).await.unwrap();
    let found = store.journal(&running.tenant, &running.id).await.unwrap();
    assert_eq!(found, [entry(0), entry(1), entry(2)]);
    assert_eq!(store.journal(&tenant("other"), &running.id).await.unwrap(), []);
}

pub async fn an_entry_is_kept_with_what_it_tells_of_or_not_at_all(store: &Store) {
    let (_, run) = running(store).await;
    let mut first = Evaluation::new(store);
    first.increment("n", 1).await;
    let mut second = Evaluation::new(store);
    second.increment("n", 1).await;
    let ledgers = vec![(first.namespace, first.ledger)];
    store.record(&run, &[entry(0)], ledgers).await.unwrap();
    let ledgers = vec![(second.namespace, second.ledger)];
    let refused = store.record(&run, &[entry(1)], ledgers).await;
    assert!(matches!(refused, Err(RecordError::Commit(CommitError::Conflict(_)))), "{refused:?}");
    assert_eq!(store.journal(&run.tenant, &run.execution).await.unwrap(), [entry(0)]);
    assert_eq!(get(store, "n").await.as_deref(), Some("1"));
}

pub async fn only_the_last_run_records(store: &Store) {
    let (running, run) = running(store).await;
    let earlier = Run { fence: run.fence - 1, ..run.clone() };
    let refused = store.record(&earlier, &[entry(0)], Vec::new()).await;
    assert!(matches!(refused, Err(RecordError::Superseded)), "{refused:?}");
    happen(store, &running, report()).await.unwrap();
    let refused = store.record(&run, &[entry(0)], Vec::new()).await;
    assert!(matches!(refused, Err(RecordError::Superseded)), "{refused:?}");
    assert_eq!(store.journal(&run.tenant, &run.execution).await.unwrap(), []);
}

pub async fn a_step_that_is_refused_records_nothing(store: &Store) {
    let (running, _) = running(store).await;
    let awaits = Awaited::Approval { id: "a".into() };
    let suspended = |permit: &str| Event::Suspended {
        permit: Digest::of(permit),
        awaits: awaits.clone(),
        at_ms: NOW_MS + 2,
    };
    let step = async |permit: &str| {
        let (event, Execution { tenant, id, .. }) = (suspended(permit), &running);
        let change = |current: &Execution| current.apply(event);
        store.change_recording(tenant, id, NOW_MS + 2, &[entry(0)], change).await
    };
    assert!(matches!(step("guess").await, Err(ChangeError::Refused(_))));
    assert_eq!(store.journal(&running.tenant, &running.id).await.unwrap(), []);
    assert_eq!(step("permit").await.unwrap().status.name(), "suspended");
    assert_eq!(store.journal(&running.tenant, &running.id).await.unwrap(), [entry(0)]);
}

pub async fn work_is_what_a_host_may_run_now(store: &Store) {
    let by_people = permitted().create(store).await;
    let execution = allowed(store).await;
    assert_eq!(work(store, 0).await, slice::from_ref(&execution.id));
    let running = happen(store, &execution, claim(&execution)).await.unwrap();
    assert_eq!(work(store, NOW_MS).await, [""; 0], "its holder has a lease");
    let end_ms = running.work_at_ms().unwrap();
    assert_eq!(work(store, end_ms).await, slice::from_ref(&execution.id));
    happen(store, &running, report()).await.unwrap();
    assert_eq!(work(store, u64::MAX >> 1).await, [""; 0]);
    assert_eq!(by_people.work_at_ms(), None);
}
