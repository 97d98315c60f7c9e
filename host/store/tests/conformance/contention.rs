//! Many evaluations at once: whatever is committed is as if they had run one after the other.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use writ_store::{CommitError, Store};

use super::evaluation::{Evaluation, get, set};

const TASKS: i64 = 64;

/// Runs an evaluation until it commits, as the service does.
macro_rules! until_committed {
    ($store:expr, $evaluation:ident => $body:block) => {
        loop {
            let mut $evaluation = Evaluation::new($store);
            let value = $body;
            match $evaluation.commit().await {
                Ok(id) => break (id, value),
                Err(CommitError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
}

pub async fn no_increment_is_lost_among_64_evaluations(store: &Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..5 {
                until_committed!(&store, evaluation => { evaluation.increment("n", 1).await });
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(get(store, "n").await, Some((TASKS * 5).to_string()));
    assert_eq!(store.stats().decisions, TASKS.unsigned_abs() * 5);
}

pub async fn a_sum_over_two_keys_stays_what_it_was(store: &Store) {
    set(store, "a", "1000").await;
    set(store, "b", "1000").await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let store = store.clone();
        tasks.spawn(async move {
            for step in 0..10 {
                let amount = task * 7 + step;
                until_committed!(&store, evaluation => {
                    let a = evaluation.increment("a", amount).await;
                    let b = evaluation.increment("b", -amount).await;
                    // Only what commits must be consistent: what was read at different times may
                    // not be, and then does not commit.
                    (a, b)
                });
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let number = async |key| get(store, key).await.unwrap().parse::<i64>().unwrap();
    assert_eq!(number("a").await + number("b").await, 2_000);
}

/// Each evaluation reads some keys, and writes to others what it read. Whatever is committed must
/// be explained by some order: that of the counter which each of them increments.
pub async fn any_history_is_one_after_the_other(store: &Store) {
    let mut tasks = JoinSet::new();
    for task in 0..16_u64 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut history = Vec::new();
            for step in 0..12_u64 {
                let (from, to) = ((task * 5 + step) % 6, (task + step * 7) % 6);
                let (_, entry) = until_committed!(&store, evaluation => {
                    let read = evaluation.get(&format!("k{from}")).await;
                    let wrote = format!("{task}.{step}").into_bytes();
                    if step % 5 == 4 {
                        evaluation.delete(&format!("k{to}")).await;
                    } else {
                        evaluation.set(&format!("k{to}"), &wrote, None).await;
                    }
                    let at = evaluation.increment("order", 1).await;
                    let wrote = (step % 5 != 4).then_some(wrote);
                    (at, from, read, to, wrote)
                });
                history.push(entry);
            }
            history
        });
    }
    let mut history = BTreeMap::new();
    while let Some(ended) = tasks.join_next().await {
        for (at, from, read, to, wrote) in ended.unwrap() {
            assert!(history.insert(at, (from, read, to, wrote)).is_none(), "{at} happened twice");
        }
    }
    assert_eq!(history.keys().copied().collect::<Vec<_>>(), (1..=16 * 12).collect::<Vec<_>>());
    let mut model = BTreeMap::new();
    for (at, (from, read, to, wrote)) in history {
        assert_eq!(model.get(&from).cloned().flatten(), read, "read at {at}");
        model.insert(to, wrote);
    }
}
