//! Many commits share one fsync, and none waits for others that have not come yet.

use crate::conformance::evaluation::{Evaluation, decision};
use crate::conformance::flow::{cancel, happen, permitted};
use crate::opened::Opened;
use tokio::task::JoinSet;
use writ_store::Store;

/// On one thread, all of them are queued before the writer runs.
async fn commit_at_once(store: &Store, count: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let store = store.clone();
        tasks.spawn(async move { store.commit(decision(), vec![]).await.unwrap() });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn commits_that_come_at_once_share_one_fsync() {
    let opened = Opened::new(|_| {}).await;
    commit_at_once(&opened.store, 64).await;
    let stats = opened.store.stats();
    assert_eq!((stats.decisions, stats.batches, stats.queued), (64, 1, 0));
}

#[tokio::test]
async fn a_batch_of_any_size_is_one_transaction() {
    let opened = Opened::new(|_| {}).await;
    for (round, count) in [1, 63, 65, 129, 500].into_iter().enumerate() {
        let before = opened.store.stats();
        commit_at_once(&opened.store, count).await;
        let stats = opened.store.stats();
        assert_eq!(stats.decisions - before.decisions, count as u64);
        assert_eq!(stats.batches, round as u64 + 1);
    }
}

#[tokio::test]
async fn a_batch_has_its_largest_size() {
    let opened = Opened::new(|config| config.commit_batch_max = 8).await;
    commit_at_once(&opened.store, 64).await;
    assert_eq!(opened.store.stats().batches, 8);
}

#[tokio::test]
async fn more_commits_than_the_queue_holds_wait_for_room() {
    let opened = Opened::new(|config| config.queue_max = 2).await;
    commit_at_once(&opened.store, 64).await;
    assert_eq!(opened.store.stats().decisions, 64);
}

#[tokio::test]
async fn writes_of_one_key_within_a_batch_end_with_the_last() {
    let opened = Opened::new(|_| {}).await;
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = opened.store.clone();
        // Nothing in here waits once the key is in memory: each is judged on the one before it,
        // which is not yet durable.
        tasks.spawn(async move {
            let mut evaluation = Evaluation::new(&store);
            evaluation.increment("n", 1).await;
            evaluation.commit().await
        });
        if tasks.len() == 1 {
            tasks.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    let stats = opened.store.stats();
    assert_eq!((stats.decisions, stats.batches, stats.conflicts), (10, 10, 0));
    let opened = opened.again().await;
    assert_eq!(
        crate::conformance::evaluation::get(&opened.store, "n").await.as_deref(),
        Some("10")
    );
}

#[tokio::test]
async fn what_a_waiting_caller_gives_up_on_is_committed_all_the_same() {
    let opened = Opened::new(|_| {}).await;
    let given = decision();
    let (tenant, id) = (given.tenant.clone(), given.id.clone());
    let commit = opened.store.commit(given, vec![]);
    tokio::select! {
        biased;
        result = commit => panic!("answered before the writer ran: {result:?}"),
        () = std::future::ready(()) => {}
    }
    // A later commit is durable no earlier.
    opened.store.commit(decision(), vec![]).await.unwrap();
    assert!(opened.store.decision(&tenant, &id).await.unwrap().is_some());
}

#[tokio::test]
async fn who_gives_up_on_an_execution_keeps_others_waiting_until_it_is_durable() {
    let opened = Opened::new(|_| {}).await;
    let created = permitted().created();
    let execution = created.execution.clone();
    tokio::select! {
        biased;
        result = opened.store.create(created, None) => panic!("answered early: {result:?}"),
        () = std::future::ready(()) => {}
    }
    // It must be there for whoever comes next, and only then be changed.
    let cancelled = happen(&opened.store, &execution, cancel()).await.unwrap();
    assert_eq!(cancelled.version, execution.version + 1);
}

#[tokio::test]
async fn executions_and_decisions_that_come_at_once_share_one_fsync() {
    let opened = Opened::new(|_| {}).await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let store = opened.store.clone();
        tasks.spawn(async move { store.create(permitted().created(), None).await.unwrap() });
        let store = opened.store.clone();
        tasks.spawn(async move { store.commit(decision(), vec![]).await.unwrap() });
    }
    tasks.join_all().await;
    assert_eq!((opened.store.stats().decisions, opened.store.stats().batches), (100, 1));
    let verified = opened.store.verify(&"default".parse().unwrap()).await.unwrap();
    assert_eq!((verified.executions, verified.head.sequence), (100, 300));
}
