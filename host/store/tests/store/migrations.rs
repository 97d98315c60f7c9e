//! What an older version has written is brought up to date when its files are opened.

use crate::conformance::evaluation::decision;
use crate::conformance::flow::{asking, happen, permitted, request, vote};
use crate::opened::Opened;
use sqlx::{Connection, SqliteConnection};
use writ_core::Tenant;
use writ_core::ports::{About, Window};
use writ_store::Store;

#[tokio::test]
async fn approvals_from_before_there_was_a_history_are_in_it() {
    let opened = Opened::new(|_| {}).await;
    let mut hard = request();
    hard.subject.id = "a'\"\\\u{e9}\u{1f4b0}\n\u{0}x".into();
    let approved = asking(&[&["user:ann"]]).about(hard.clone()).create(&opened.store).await;
    let approved = happen(&opened.store, &approved, vote(&approved, "ann")).await.unwrap();
    let other = asking(&[&["user:ann"]]).about(hard.clone()).of("other", "app");
    let other = other.create(&opened.store).await;
    permitted().about(hard.clone()).create(&opened.store).await;

    let path = opened.config().directory.join("writ.db");
    let config = opened.config();
    opened.store.close().await.unwrap();
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let forget = "DROP TABLE approval_history; DROP TABLE journal; DROP TABLE work;
        DROP TABLE errands; DROP TABLE channels; DROP TABLE dead_letters; DROP TABLE anchors;
        DROP TABLE signing_keys; DROP TABLE answer_links; DROP TABLE answered;
        DROP TABLE policy_components; DROP TABLE policy_sets; DROP TABLE policy_active;
        DROP TABLE policy_rollouts; DROP TABLE policy_signatures;
        DROP TABLE decision_batches; DROP TABLE decision_strands;
        DROP INDEX approvals_by_execution; DROP INDEX idempotency_by_execution;
        DELETE FROM _sqlx_migrations WHERE version >= 4";
    sqlx::raw_sql(forget).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = Store::open(config).await.unwrap();
    for (tenant, expected) in [("default", approved), ("other", other)] {
        let about = About::of(&tenant.parse::<Tenant>().unwrap(), &hard);
        let window = Window { since_ms: 0, limit: 100 };
        let found = store.approval_reader().recent(&about, window).await.unwrap();
        assert_eq!(found, expected.approvals, "{tenant}");
    }
}

#[tokio::test]
async fn decisions_from_before_there_were_batches_are_found_and_removed_like_others() {
    let opened = Opened::new(|_| {}).await;
    let new = decision();
    opened.store.commit(new.clone(), vec![]).await.unwrap();
    let url = format!("sqlite://{}", opened.config().directory.join("writ.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let insert = "INSERT INTO decisions (tenant, id, received_at_ms, request_digest, subject_type,
        subject_id, action, resource_type, resource_id, policy_set, outcome, policies)
        VALUES ('default', ?, 5, zeroblob(32), 's', '1', 'pay', 'r', '2', zeroblob(32), 'allow', '[]')";
    let ids = ["0190a6ef-0000-7000-8000-000000000001", "0190a6f1-0000-7000-8000-000000000002"];
    for id in ids {
        sqlx::query(insert).bind(id).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let (store, tenant) = (&opened.store, Tenant::default());
    assert_eq!(store.decision(&tenant, ids[0]).await.unwrap().unwrap().action, "pay");
    let listed = async |before: Option<&str>, limit| {
        let page = store.decisions_page(&tenant, before, limit).await.unwrap();
        page.into_iter().map(|decision| decision.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 9).await, [ids[1], &new.id, ids[0]]);
    assert_eq!(listed(Some(ids[1]), 1).await, [&*new.id]);
    assert_eq!(store.verify(&tenant).await.unwrap().decisions, 1);
    let before_ms = new.received_at_ms + 1;
    assert_eq!(store.retain(&tenant, before_ms, before_ms).await.unwrap().decisions, 3);
    assert_eq!(listed(None, 9).await, [""; 0]);
}
