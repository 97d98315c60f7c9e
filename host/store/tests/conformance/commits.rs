//! A commit: all of it or nothing, and only if what was read is still so.

use writ_core::ledger::Stored;
use writ_store::{CommitError, Store};

use super::evaluation::{
    Evaluation, assert_conflict, decision, delete, get, namespace, set, stored,
};

pub async fn a_commit_is_seen_by_later_evaluations(store: &Store) {
    assert_eq!(stored(store, "k").await, Stored::ABSENT);
    set(store, "k", "1").await;
    set(store, "k", "2").await;
    assert_eq!(get(store, "k").await.as_deref(), Some("2"));
    assert_eq!(stored(store, "k").await.version, 2);
}

pub async fn a_conflict_keeps_neither_decision_nor_writes(store: &Store) {
    let mut late = Evaluation::new(store);
    late.increment("k", 1).await;
    late.set("other", b"late", None).await;
    set(store, "k", "10").await;
    let decision = decision();
    let (id, tenant) = (decision.id.clone(), decision.tenant.clone());
    let result = store.commit(decision, vec![(late.namespace, late.ledger)]).await;
    assert!(matches!(result, Err(CommitError::Conflict(_))), "{result:?}");
    assert_eq!(store.decision(&tenant, &id).await.unwrap(), None);
    assert_eq!(get(store, "k").await.as_deref(), Some("10"));
    assert_eq!(get(store, "other").await, None);
    assert_eq!(store.stats().conflicts, 1);
}

pub async fn an_evaluation_that_only_read_is_still_checked(store: &Store) {
    let mut early = Evaluation::new(store);
    assert_eq!(early.get("k").await, None);
    early.commit().await.unwrap();
    let mut late = Evaluation::new(store);
    assert_eq!(late.get("k").await, None);
    set(store, "k", "1").await;
    assert_conflict(late.commit().await);
}

pub async fn a_conflict_names_only_the_namespaces_that_changed(store: &Store) {
    let other = namespace("default", "other");
    let mut changed = Evaluation::new(store);
    let mut unchanged = Evaluation::new(store).of(other.clone());
    changed.increment("k", 1).await;
    unchanged.increment("k", 1).await;
    set(store, "k", "1").await;
    let ledgers =
        vec![(unchanged.namespace, unchanged.ledger), (changed.namespace.clone(), changed.ledger)];
    let Err(CommitError::Conflict(namespaces)) = store.commit(decision(), ledgers).await else {
        panic!("no conflict");
    };
    assert_eq!(namespaces, [changed.namespace]);
    assert_eq!(Evaluation::new(store).of(other).get("k").await, None);
}

pub async fn a_key_that_was_deleted_and_set_again_is_not_the_one_that_was_read(store: &Store) {
    set(store, "k", "a").await;
    let mut late = Evaluation::new(store);
    assert_eq!(late.get("k").await.as_deref(), Some(&b"a"[..]));
    delete(store, "k").await;
    assert_eq!(stored(store, "k").await, Stored { version: 2, ..Stored::ABSENT });
    set(store, "k", "a").await;
    assert_eq!(stored(store, "k").await.version, 3);
    late.set("result", b"a was there", None).await;
    assert_conflict(late.commit().await);
}

pub async fn namespaces_do_not_see_each_other(store: &Store) {
    set(store, "k", "mine").await;
    for (tenant, binding) in [("other", "budget"), ("default", "budget-2")] {
        let mut other = Evaluation::new(store).of(namespace(tenant, binding));
        assert_eq!(other.get("k").await, None);
        assert!(other.list("", None, 10).await.is_empty());
        assert_eq!(other.reader.usage(&other.namespace).await.unwrap().keys, 0);
    }
}

pub async fn two_ledgers_of_one_namespace_do_not_both_commit(store: &Store) {
    let (mut first, mut second) = (Evaluation::new(store), Evaluation::new(store));
    first.increment("k", 1).await;
    second.increment("k", 1).await;
    let ledgers = vec![(first.namespace, first.ledger), (second.namespace, second.ledger)];
    let result = store.commit(decision(), ledgers).await;
    assert!(matches!(result, Err(CommitError::Conflict(_))), "{result:?}");
    assert_eq!(get(store, "k").await, None);
}

pub async fn keys_and_values_may_be_any_text_and_any_bytes(store: &Store) {
    let keys = ["a\0b", "a\0c", "'; --", "\u{10FFFF}", "ä", "a%_b"];
    let value: Vec<u8> = (0..=255).collect();
    let mut evaluation = Evaluation::new(store);
    for key in keys {
        evaluation.set(key, &value, None).await;
    }
    evaluation.set("empty", b"", None).await;
    evaluation.commit().await.unwrap();
    let mut later = Evaluation::new(store);
    for key in keys {
        assert_eq!(later.get(key).await.as_ref(), Some(&value), "{key:?}");
    }
    assert_eq!(later.get("empty").await, Some(Vec::new()));
    assert_eq!(later.list("a\0", None, 10).await, ["a\0b", "a\0c"]);
    assert_eq!(later.list("\u{10FFFF}", None, 10).await, ["\u{10FFFF}"]);
}

pub async fn writes_of_discarded_ledgers_are_not_kept(store: &Store) {
    let mut evaluation = Evaluation::new(store);
    evaluation.set("k", b"v", None).await;
    evaluation.ledger.discard_writes();
    evaluation.commit().await.unwrap();
    assert_eq!(stored(store, "k").await, Stored::ABSENT);
}
