//! The decision log.

use writ_store::{CommitError, Store, StoredDecision};

use super::evaluation::decision;

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
    };
    let tenant = given.tenant.clone();
    store.commit(given, vec![]).await.unwrap();
    let found = store.decision(&tenant, &expected.id).await.unwrap();
    assert_eq!(found, Some(expected));
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

pub async fn the_same_id_is_not_kept_twice(store: &Store) {
    let given = decision();
    store.commit(given.clone(), vec![]).await.unwrap();
    let result = store.commit(given, vec![]).await;
    assert!(matches!(result, Err(CommitError::Unavailable(_))), "{result:?}");
}
