//! The store's files: who may open them, and what is in them afterwards.

use crate::conformance::evaluation::{Evaluation, decision, delete, get, namespace, set, stored};
use crate::opened::Opened;
use writ_store::{CommitError, Store, StoreError};

#[tokio::test]
async fn what_was_answered_is_there_after_opening_again() {
    let opened = Opened::new(|_| {}).await;
    let given = decision();
    let (tenant, id) = (given.tenant.clone(), given.id.clone());
    opened.store.commit(given, vec![]).await.unwrap();
    set(&opened.store, "k", "v").await;
    set(&opened.store, "deleted", "v").await;
    delete(&opened.store, "deleted").await;
    let opened = opened.again().await;
    assert!(opened.store.decision(&tenant, &id).await.unwrap().is_some());
    assert_eq!(get(&opened.store, "k").await.as_deref(), Some("v"));
    assert_eq!(stored(&opened.store, "deleted").await.version, 2);
    let usage = opened.store.reader().usage(&namespace("default", "budget")).await.unwrap();
    assert_eq!((usage.keys, usage.bytes), (1, 2));
}

#[tokio::test]
async fn a_second_host_is_refused() {
    let opened = Opened::new(|_| {}).await;
    let refused = Store::open(opened.config()).await.unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.ends_with("hint: stop it, or give this one another data directory"), "{text}");
    opened.again().await;
}

#[tokio::test]
async fn after_closing_nothing_is_kept_and_nothing_is_well() {
    let opened = Opened::new(|_| {}).await;
    let other = opened.store.clone();
    let mut evaluation = Evaluation::new(&other);
    evaluation.set("k", b"v", None).await;
    opened.store.close().await.unwrap();
    let result = other.commit(decision(), vec![]).await;
    assert!(matches!(result, Err(CommitError::Unavailable(_))), "{result:?}");
    let result = evaluation.commit().await;
    assert!(matches!(result, Err(CommitError::Unavailable(_))), "{result:?}");
    assert_eq!(
        other.ping().await.unwrap_err().to_string(),
        "the store cannot answer: it is closed"
    );
}

#[tokio::test]
async fn closing_leaves_the_database_alone_without_a_log() {
    let opened = Opened::new(|_| {}).await;
    set(&opened.store, "k", "v").await;
    let directory = opened.config().directory;
    opened.store.close().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["writ.db", "writ.lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_what_the_store_creates() {
    use std::os::unix::fs::PermissionsExt;
    let opened = Opened::new(|_| {}).await;
    set(&opened.store, "k", "v").await;
    let directory = opened.config().directory;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for name in ["writ.db", "writ.db-wal", "writ.db-shm", "writ.lock"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    std::fs::write(&path, "").unwrap();
    let refused = Store::open(writ_store::StoreConfig::new(&path)).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("`{}` cannot be opened: ", path.display())), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let opened = Opened::new(|_| {}).await;
    let config = opened.config();
    opened.store.close().await.unwrap();
    std::fs::write(config.directory.join("writ.db"), "x".repeat(8_192)).unwrap();
    let file = config.directory.canonicalize().unwrap().join("writ.db");
    let refused = Store::open(config).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        format!(
            "the database `{}` cannot be opened: error returned from database: (code: 26) file is not a database\n\
             hint: look whether the database is whole and has room, and restore it from a backup where it is not",
            file.display()
        )
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_a_link_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (there, not_there) = (elsewhere.path().join("there"), elsewhere.path().join("not-there"));
    std::fs::write(&there, "").unwrap();
    for (name, target) in ["writ.db", "writ.lock"].into_iter().zip([&there, &not_there]) {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(target, directory.path().join(name)).unwrap();
        let config = writ_store::StoreConfig::new(directory.path());
        let refused = Store::open(config).await.unwrap_err().to_string();
        let text = format!("{name}` cannot be opened: it is a symbolic link");
        assert!(refused.ends_with(&text), "{refused}");
    }
    assert!(!not_there.exists(), "what a link names is not created");
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_is_a_link_is_opened() {
    let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let link = parent.path().join("data");
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    let store = Store::open(writ_store::StoreConfig::new(&link)).await.unwrap();
    store.close().await.unwrap();
    assert!(elsewhere.path().join("writ.db").is_file());
}
