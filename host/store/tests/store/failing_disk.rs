//! A disk that is full: nothing that was answered is lost, and nothing lost is answered.

use crate::conformance::evaluation::{Evaluation, decision, get, set};
use crate::conformance::flow::{cancel, grounds, happen, permitted};
use crate::opened::Opened;
use sqlx::Connection;
use tokio::task::JoinSet;
use writ_core::Tenant;
use writ_store::{Cause, CommitError, CreateError, Store, StoreError};

const FILE_BYTES_MAX: u64 = 512 << 10;

async fn small() -> Opened {
    Opened::new(|config| config.file_bytes_max = FILE_BYTES_MAX).await
}

/// Commits decisions until one fails. Returns those that were answered.
async fn fill(store: &Store) -> (Vec<String>, CommitError) {
    let mut answered = Vec::new();
    loop {
        let given = decision();
        let id = given.id.clone();
        match store.commit(given, vec![]).await {
            Ok(()) => answered.push(id),
            Err(error) => return (answered, error),
        }
    }
}

/// Makes room, as an operator would who frees the disk.
async fn make_room(opened: &Opened) {
    let path = opened.config().directory.join("writ.db");
    let url = format!("sqlite://{}", path.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("DELETE FROM decision_batches").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_does_not_fit_is_unavailable_and_what_was_answered_stays() {
    let opened = small().await;
    let (answered, error) = fill(&opened.store).await;
    let CommitError::Unavailable(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.cause(), Cause::Full);
    assert_eq!(failure.to_string(), "the store cannot answer: its disk is full");
    assert!(failure.inside().contains("full"), "{failure:?}");
    let opened = opened.again().await;
    assert!(answered.len() > 50);
    for id in &answered {
        let found = opened.store.decision(&"default".parse().unwrap(), id).await.unwrap();
        assert!(found.is_some(), "{id}");
    }
}

#[tokio::test]
async fn the_store_is_unwell_until_a_write_succeeds() {
    let opened = small().await;
    opened.store.ping().await.unwrap();
    fill(&opened.store).await;
    for _ in 0..2 {
        let unwell = opened.store.ping().await.unwrap_err();
        assert!(matches!(unwell, StoreError::Unavailable(_)), "{unwell:?}");
        assert!(opened.store.stats().is_failing);
    }
    make_room(&opened).await;
    opened.store.ping().await.unwrap();
    assert!(!opened.store.stats().is_failing);
    set(&opened.store, "k", "v").await;
}

#[tokio::test]
async fn what_was_built_on_a_lost_write_is_lost_with_it() {
    let opened = Opened::new(|config| {
        config.file_bytes_max = FILE_BYTES_MAX;
        config.commit_batch_max = 1;
    })
    .await;
    set(&opened.store, "n", "0").await;
    let fillers: Vec<_> = (0..8).map(|filler| format!("filler-{filler}")).collect();
    for key in &fillers {
        assert_eq!(get(&opened.store, key).await, None);
    }
    // All are queued before the writer runs, each built on the one before it. Only the first is
    // too large; the others would fit.
    let mut tasks = JoinSet::new();
    for task in 0..20 {
        let (store, fillers) = (opened.store.clone(), fillers.clone());
        tasks.spawn(async move {
            let mut evaluation = Evaluation::new(&store);
            let counted = evaluation.increment("n", 1).await;
            assert_eq!(counted, task + 1);
            for key in fillers.iter().filter(|_| task == 0) {
                evaluation.set(key, &[0; 60 << 10], None).await;
            }
            evaluation.commit().await
        });
    }
    for result in tasks.join_all().await {
        assert!(matches!(result, Err(CommitError::Unavailable(_))), "{result:?}");
    }
    assert_eq!(get(&opened.store, "n").await.as_deref(), Some("0"));
    let mut evaluation = Evaluation::new(&opened.store);
    assert_eq!(evaluation.increment("n", 1).await, 1);
    evaluation.commit().await.unwrap();
    let opened = opened.again().await;
    assert_eq!(get(&opened.store, "n").await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_counter_is_what_was_answered() {
    let opened = small().await;
    set(&opened.store, "n", "0").await;
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let store = opened.store.clone();
        tasks.spawn(async move {
            let mut answered = 0;
            loop {
                let mut evaluation = Evaluation::new(&store);
                evaluation.increment("n", 1).await;
                match evaluation.commit().await {
                    Ok(_) => answered += 1,
                    Err(CommitError::Conflict(_)) => {}
                    Err(CommitError::Unavailable(_)) => return answered,
                }
            }
        });
    }
    let answered: u64 = tasks.join_all().await.into_iter().sum();
    let opened = opened.again().await;
    assert_eq!(get(&opened.store, "n").await, Some(answered.to_string()));
}

#[tokio::test]
async fn an_execution_that_does_not_fit_leaves_no_event_and_no_key() {
    let opened = small().await;
    let (store, tenant) = (&opened.store, Tenant::default());
    let before = permitted().create(store).await;
    fill(store).await;
    let counted = grounds(store, "n").await;
    let lost = permitted().with_key("k", "body").created();
    let refused = store.create(lost.clone(), Some(counted)).await;
    let Err(CreateError::Commit(CommitError::Unavailable(_))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(store.execution(&tenant, &lost.execution.id).await.unwrap(), None);
    assert_eq!(store.verify(&tenant).await.unwrap().head.sequence, 3);
    make_room(&opened).await;
    assert_eq!(get(store, "n").await, None);
    // The chain goes on after the last durable event, and the key is still free.
    store.create(lost, None).await.unwrap();
    happen(store, &before, cancel()).await.unwrap();
    let verified = store.verify(&tenant).await.unwrap();
    assert_eq!((verified.executions, verified.head.sequence), (2, 7));
}
