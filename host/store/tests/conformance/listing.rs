//! Listing keys, and what makes a listing outdated.

use tokio::task::JoinSet;
use writ_store::Store;

use super::evaluation::{Evaluation, assert_conflict, delete, set};

pub async fn a_listing_has_what_was_committed_in_byte_order(store: &Store) {
    let mut tasks = JoinSet::new();
    for key in ["b", "Z", "a/2", "a/10", "ä"] {
        let store = store.clone();
        tasks.spawn(async move { set(&store, key, "").await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    delete(store, "b").await;
    let mut evaluation = Evaluation::new(store);
    assert_eq!(evaluation.list("", None, 10).await, ["Z", "a/10", "a/2", "ä"]);
    evaluation.commit().await.unwrap();
}

pub async fn a_listing_pages_through_a_prefix(store: &Store) {
    for key in ["a", "p/1", "p/2", "p/3", "q"] {
        set(store, key, "").await;
    }
    let mut evaluation = Evaluation::new(store);
    assert_eq!(evaluation.list("p/", None, 2).await, ["p/1", "p/2"]);
    assert_eq!(evaluation.list("p/", Some("p/2"), 2).await, ["p/3"]);
    assert_eq!(evaluation.list("p/", Some("p/3"), 2).await, Vec::<String>::new());
    assert_eq!(evaluation.list("p/", Some("a"), 1).await, ["p/1"]);
}

async fn listed(store: &Store) -> Evaluation<'_> {
    set(store, "there", "1").await;
    let mut evaluation = Evaluation::new(store);
    assert_eq!(evaluation.list("", None, 10).await, ["there"]);
    evaluation
}

pub async fn a_listing_is_in_conflict_with_a_new_key(store: &Store) {
    let evaluation = listed(store).await;
    set(store, "new", "").await;
    assert_conflict(evaluation.commit().await);
}

pub async fn a_listing_is_in_conflict_with_a_deletion(store: &Store) {
    let evaluation = listed(store).await;
    delete(store, "there").await;
    assert_conflict(evaluation.commit().await);
}

pub async fn a_listing_is_not_in_conflict_with_a_changed_value(store: &Store) {
    let evaluation = listed(store).await;
    set(store, "there", "2").await;
    evaluation.commit().await.unwrap();
}
