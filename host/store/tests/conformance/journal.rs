//! Journals of running tools: appended with what they store, by the last run alone.

use std::slice;

use writ_core::execution::{Awaited, Errand, Event};
use writ_core::journal::{Entry, Outcome};
use writ_core::tool::{Answer, HostCall};
use writ_core::{BoundTool, Digest, Execution, ToolKind};
use writ_store::{ChangeError, CommitError, RecordError, Run, Store};

use super::evaluation::{Evaluation, NOW_MS, get};
use super::flow::{claim, happen, permitted, report, tenant};

fn tool(version: &str) -> BoundTool {
    let (name, digest) = ("payout".parse().unwrap(), Digest::of(version));
    BoundTool { name, digest, kind: ToolKind::Component }
}

/// An execution that a tool carries out and nobody has begun.
async fn allowed(store: &Store) -> Execution {
    allowed_for(store, tool("component")).await
}

async fn allowed_for(store: &Store, tool: BoundTool) -> Execution {
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
    let found = store.work(now_ms, &[tool("component")], 100).await.unwrap();
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

pub async fn an_errand_is_kept_with_its_transition_until_it_is_done(store: &Store) {
    let (running, _) = running(store).await;
    assert_eq!(store.errands(NOW_MS + 9, 100).await.unwrap(), []);
    let awaits = Awaited::Execution { id: "called".into(), has_ended: false };
    let suspended = Event::Suspended { permit: Digest::of("permit"), awaits, at_ms: NOW_MS + 2 };
    let suspended = happen(store, &running, suspended).await.unwrap();
    let (caller, call) = (running.id.clone(), "called".to_owned());
    let due = store.errands(NOW_MS + 9, 100).await.unwrap();
    let found: Vec<_> = due.iter().map(|due| (&due.tenant, due.errand.clone())).collect();
    assert_eq!(found, [(&running.tenant, Errand::TellCaller { caller: caller.clone(), call })]);
    store.errand_later(&due[0], NOW_MS + 10).await.unwrap();
    assert_eq!(store.errands(NOW_MS + 9, 100).await.unwrap(), []);
    assert_eq!(store.errands(NOW_MS + 10, 100).await.unwrap(), due);
    store.errand_done(&due[0]).await.unwrap();
    assert_eq!(store.errands(u64::MAX >> 1, 100).await.unwrap(), []);
    // A refused transition leaves none, and one that ends calls off what was called.
    let by = running.requester.clone();
    let cancelled = Event::Cancelled { by, reason: None, at_ms: NOW_MS + 3 };
    happen(store, &suspended, cancelled.clone()).await.unwrap();
    happen(store, &suspended, cancelled).await.unwrap_err();
    let due = store.errands(u64::MAX >> 1, 100).await.unwrap();
    let found: Vec<_> = due.into_iter().map(|due| due.errand).collect();
    assert_eq!(found, [Errand::CallOff { caller }]);
}

pub async fn work_is_found_by_who_has_the_tool(store: &Store) {
    let other = BoundTool { name: "refund".parse().unwrap(), ..tool("component") };
    let found = async |tools: &[BoundTool], limit| {
        let found = store.work(NOW_MS, tools, limit).await.unwrap();
        found.into_iter().map(|(_, execution)| execution).collect::<Vec<_>>()
    };
    let first = allowed_for(store, tool("other version")).await;
    let second = allowed(store).await;
    let third = allowed_for(store, other.clone()).await;
    // What others are to do takes nobody's place, however little is asked for.
    assert_eq!(found(&[tool("component")], 1).await, slice::from_ref(&second.id));
    assert_eq!(found(slice::from_ref(&other), 1).await, slice::from_ref(&third.id));
    let both = [second.id.clone(), third.id.clone()];
    assert_eq!(found(&[tool("component"), other.clone()], 9).await, both);
    assert_eq!(found(&[other.clone(), tool("component")], 1).await, slice::from_ref(&second.id));
    assert_eq!(found(&[], 9).await, [""; 0]);
    let changed = store.work_of_changed_tools(NOW_MS, &[tool("component"), other], 9).await;
    assert_eq!(changed.unwrap(), [(first.tenant.clone(), first.id.clone())]);
    let long_before = store.work_of_changed_tools(0, &[tool("component")], 9).await;
    assert_eq!(long_before.unwrap(), [], "it has not waited for so long");
}

pub async fn what_rests_is_no_work_until_it_is_time_or_it_changes(store: &Store) {
    let execution = allowed(store).await;
    store.rest(&execution.tenant, &execution.id, NOW_MS + 10).await.unwrap();
    assert_eq!(work(store, NOW_MS + 9).await, [""; 0]);
    assert_eq!(work(store, NOW_MS + 10).await, slice::from_ref(&execution.id));
    let running = happen(store, &execution, claim(&execution)).await.unwrap();
    let end_ms = running.work_at_ms().unwrap();
    store.rest(&execution.tenant, &execution.id, 1).await.unwrap();
    assert_eq!(work(store, end_ms - 1).await, [""; 0], "nobody rests a lease away");
    happen(store, &running, report()).await.unwrap();
    store.rest(&execution.tenant, &execution.id, 1).await.unwrap();
    assert_eq!(work(store, u64::MAX >> 1).await, [""; 0]);
}
