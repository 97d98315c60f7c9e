//! Time to live, and what is left of a key afterwards.

use writ_core::Limits;
use writ_core::ledger::Stored;
use writ_store::Store;

use super::evaluation::{Evaluation, NOW_MS, assert_conflict, delete, set, stored};

const HOUR_MS: u64 = 3_600_000;

async fn set_for_a_second(store: &Store) {
    let mut evaluation = Evaluation::new(store);
    evaluation.set("k", b"value", Some(1)).await;
    evaluation.commit().await.unwrap();
}

pub async fn what_has_expired_is_absent_and_keeps_its_version(store: &Store) {
    set_for_a_second(store).await;
    let limits = Limits::default();
    let mut before = Evaluation::at(store, NOW_MS + 999, &limits);
    assert!(before.get("k").await.is_some());
    assert_eq!(before.list("", None, 10).await, ["k"]);
    let mut after = Evaluation::at(store, NOW_MS + 1_000, &limits);
    assert_eq!(after.get("k").await, None);
    assert!(after.list("", None, 10).await.is_empty());
    assert_eq!(after.set("k", b"again", None).await, 2);
    after.commit().await.unwrap();
    assert_eq!(stored(store, "k").await.expires_at_ms, None);
}

pub async fn what_was_swept_is_as_if_it_never_was(store: &Store) {
    set_for_a_second(store).await;
    set(store, "deleted", "value").await;
    delete(store, "deleted").await;
    set(store, "kept", "value").await;
    assert_eq!(store.sweep(NOW_MS + HOUR_MS - 1).await.unwrap(), 0);
    assert_eq!(store.sweep(NOW_MS + HOUR_MS).await.unwrap(), 1);
    assert_eq!(store.sweep(NOW_MS + HOUR_MS + 1_000).await.unwrap(), 1);
    assert_eq!(store.sweep(u64::MAX).await.unwrap(), 0);
    assert_eq!(stored(store, "k").await, Stored::ABSENT);
    assert_eq!(stored(store, "deleted").await, Stored::ABSENT);
    assert_eq!(stored(store, "kept").await.version, 1);
    set(store, "k", "anew").await;
    assert_eq!(stored(store, "k").await.version, 1);
}

pub async fn sweeping_spares_what_an_evaluation_may_still_have_seen(store: &Store) {
    set_for_a_second(store).await;
    let mut under_way = Evaluation::at(store, NOW_MS + 2_000, &Limits::default());
    under_way.set("k", b"new", None).await;
    // Far too early for any real sweep; it still must not go unnoticed.
    assert_eq!(store.sweep(NOW_MS + 2 * HOUR_MS).await.unwrap(), 1);
    assert_conflict(under_way.commit().await);
    set_for_a_second(store).await;
    set(store, "k", "written since").await;
    assert_eq!(store.sweep(NOW_MS + 2 * HOUR_MS).await.unwrap(), 0);
    assert_eq!(stored(store, "k").await.value.as_deref(), Some(&b"written since"[..]));
}

pub async fn sweeping_frees_the_quota(store: &Store) {
    set_for_a_second(store).await;
    set(store, "kept", "value").await;
    let evaluation = Evaluation::new(store);
    let usage = async || evaluation.reader.usage(&evaluation.namespace).await.unwrap();
    assert_eq!((usage().await.keys, usage().await.bytes), (2, 15));
    store.sweep(u64::MAX).await.unwrap();
    assert_eq!((usage().await.keys, usage().await.bytes), (1, 9));
}
