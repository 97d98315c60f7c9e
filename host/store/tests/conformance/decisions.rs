//! The decision log.

use tokio::task::JoinSet;
use writ_core::receipt::Place;
use writ_core::strand::hash_of;
use writ_core::{DecisionRecord, Tenant};
use writ_store::{Store, StoredDecision};

use super::evaluation::{Evaluation, decision, namespace, next_id};
use super::flow::{grounds, permitted};

pub async fn a_decision_reads_back_as_it_was(store: &Store) {
    let given = decision();
    let expected = StoredDecision {
        id: given.id.clone(),
        received_at_ms: given.received_at_ms,
        request_id: given.request_id.clone(),
        trace_id: given.trace_id.clone(),
        request_digest: given.request_digest,
        subject: given.subject.clone(),
        action: given.action.clone(),
        resource: given.resource.clone(),
        policy_set: given.policy_set,
        outcome: given.outcome.to_owned(),
        policies: given.policies.clone(),
        whole: given.whole.clone(),
    };
    let tenant = given.tenant.clone();
    store.commit(given, vec![]).await.unwrap();
    let found = store.decision(&tenant, &expected.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected));
    let placed = store.placed_decision(&tenant, &expected.id).await.unwrap().unwrap();
    let Place { batch, place, previous, until_ms, digests, hash, .. } = placed.place;
    assert_eq!((batch, place, &digests), (1, 1, &vec![placed.text.digest()]));
    assert_eq!((placed.decision, hash_of(previous, until_ms, &digests)), (expected, hash));
    assert_eq!(store.placed_decision(&tenant, "other").await.unwrap(), None);
}

pub async fn a_tenant_does_not_see_the_decisions_of_another(store: &Store) {
    let given = decision();
    let id = given.id.clone();
    store.commit(given, vec![]).await.unwrap();
    let other = "other".parse().unwrap();
    assert_eq!(store.decision(&other, &id).await.unwrap(), None);
    assert!(store.decisions_page(&other, None, 10).await.unwrap().is_empty());
}

pub async fn decisions_are_listed_newest_first(store: &Store) {
    let given: Vec<_> = (0..5).map(|_| decision()).collect();
    let ids: Vec<_> = given.iter().rev().map(|decision| decision.id.clone()).collect();
    let tenant = given[0].tenant.clone();
    for decision in given {
        store.commit(decision, vec![]).await.unwrap();
    }
    let page = async |before: Option<&str>| {
        let page = store.decisions_page(&tenant, before, 2).await.unwrap();
        page.into_iter().map(|decision| decision.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, ids[..2]);
    assert_eq!(page(Some(&ids[1])).await, ids[2..4]);
    assert_eq!(page(Some(&ids[3])).await, ids[4..]);
}

/// Decisions of one time that come at once, and some that took long or are of another time.
pub async fn decisions_of_any_times_are_found_and_listed(store: &Store) {
    let times = [0, 1, 1, 5_000, 2_001, 2_000, 9_999, 4_000, 0, 60_000];
    let mut tasks = JoinSet::new();
    for at_ms in times {
        let id = format!("{:08x}-{:04x}-7{}", 0x0190_a6f0, at_ms, &next_id()[15..]);
        let (store, given) = (store.clone(), DecisionRecord { id, ..decision() });
        tasks.spawn(async move { store.commit(given.clone(), vec![]).await.map(|()| given.id) });
    }
    let mut ids: Vec<_> = tasks.join_all().await.into_iter().map(Result::unwrap).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let tenant = Tenant::default();
    for id in &ids {
        assert_eq!(store.decision(&tenant, id).await.unwrap().unwrap().id, *id);
        assert_eq!(store.decision(&tenant, &id[..35]).await.unwrap(), None);
    }
    for limit in [1, 3, 100] {
        let (mut listed, mut before) = (Vec::<String>::new(), None);
        while let page = store.decisions_page(&tenant, before.as_deref(), limit).await.unwrap()
            && let Some(last) = page.last()
        {
            assert!(page.len() <= limit as usize);
            before = Some(last.id.clone());
            listed.extend(page.into_iter().map(|decision| decision.id));
        }
        assert_eq!(listed, ids, "{limit} at a time");
    }
    for at_ms in [0, 2_000, 60_000, 60_001] {
        let since_ms = (0x0190_a6f0 << 16) + at_ms;
        let mut recorded = recorded_since(store, since_ms).await;
        recorded.sort_unstable_by(|one, other| other.cmp(one));
        let expected = times.iter().filter(|time| **time >= at_ms).count();
        assert_eq!(recorded, ids[..expected], "since {at_ms}");
    }
    assert_eq!(store.verify(&tenant).await.unwrap().decisions, times.len() as u64);
}

/// The ids of what was decided since a time, as it is read in bulk.
async fn recorded_since(store: &Store, since_ms: u64) -> Vec<String> {
    let (tenant, mut ids, mut after) = (Tenant::default(), Vec::new(), None);
    loop {
        let mut batches = store.recorded(&tenant, since_ms, after.as_ref()).await.unwrap();
        let decisions = batches.iter().flat_map(|batch| batch.decisions());
        ids.extend(decisions.map(|decision| decision.unwrap().id));
        after = batches.pop();
        if after.is_none() {
            return ids;
        }
    }
}

pub async fn decisions_with_and_without_grounds_are_whole_together(store: &Store) {
    let mut tasks = JoinSet::new();
    for task in 0..48 {
        let store = store.clone();
        tasks.spawn(async move {
            match task % 3 {
                0 => store.commit(decision(), vec![]).await.unwrap(),
                1 => {
                    let key = format!("n{task}");
                    let grounds = grounds(&store, &key).await;
                    let created = permitted().created();
                    // Where others were quicker, it is decided again.
                    if store.create(created.clone(), Some(grounds)).await.is_err() {
                        store.create(created, None).await.unwrap();
                    }
                }
                _ => {
                    let mut evaluation = Evaluation::new(&store).of(namespace("default", "b"));
                    evaluation.set(&format!("k{task}"), b"v", None).await;
                    evaluation.commit().await.ok();
                }
            }
        });
    }
    tasks.join_all().await;
    let tenant = Tenant::default();
    let listed = store.decisions_page(&tenant, None, 1_000).await.unwrap().len() as u64;
    assert!(listed >= 16);
    assert_eq!(store.verify(&tenant).await.unwrap().decisions, listed);
}
