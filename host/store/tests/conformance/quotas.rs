//! How much a namespace holds, and may hold.

use writ_core::Limits;
use writ_core::ledger::Usage;
use writ_store::Store;

use super::evaluation::{Evaluation, NOW_MS, assert_conflict, delete, set};

async fn usage(store: &Store) -> Usage {
    let evaluation = Evaluation::new(store);
    evaluation.reader.usage(&evaluation.namespace).await.unwrap()
}

pub async fn usage_counts_keys_and_bytes(store: &Store) {
    assert_eq!(usage(store).await, Usage::default());
    set(store, "ä", "12345").await;
    set(store, "b", "1").await;
    assert_eq!(usage(store).await, Usage { keys: 2, bytes: 9 });
    set(store, "ä", "1").await;
    assert_eq!(usage(store).await, Usage { keys: 2, bytes: 5 });
    delete(store, "b").await;
    assert_eq!(usage(store).await, Usage { keys: 1, bytes: 3 });
}

pub async fn two_evaluations_do_not_exceed_the_quota_together(store: &Store) {
    let limits = Limits { storage_keys_max: 3, ..Limits::default() };
    let mut first = Evaluation::at(store, NOW_MS, &limits);
    let mut second = Evaluation::at(store, NOW_MS, &limits);
    let mut third = Evaluation::at(store, NOW_MS, &limits);
    for (evaluation, keys) in [(&mut first, ["a", "b"]), (&mut second, ["c", "d"])] {
        evaluation.set(keys[0], b"", None).await;
        evaluation.set(keys[1], b"", None).await;
    }
    third.set("e", b"", None).await;
    first.commit().await.unwrap();
    assert_conflict(second.commit().await);
    // One more still fits.
    third.commit().await.unwrap();
    assert_eq!(usage(store).await.keys, 3);
}

pub async fn a_full_namespace_may_still_shrink(store: &Store) {
    set(store, "a", "12345").await;
    set(store, "b", "12345").await;
    let limits = Limits { storage_keys_max: 1, storage_bytes_max: 2, ..Limits::default() };
    let mut evaluation = Evaluation::at(store, NOW_MS, &limits);
    evaluation.set("a", b"1234", None).await;
    evaluation.commit().await.unwrap();
    assert_eq!(usage(store).await, Usage { keys: 2, bytes: 11 });
}
