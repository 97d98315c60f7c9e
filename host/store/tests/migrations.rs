//! What an older version has written is brought up to date when its files are opened.
#![allow(clippy::unwrap_used, reason = "tests say with unwrap that they would fail")]

mod conformance;
mod opened;

use conformance::flow::{asking, happen, permitted, request, vote};
use opened::Opened;
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
        DROP TABLE signing_keys; DROP TABLE answer_links; DROP TABLE policy_components;
        DROP TABLE policy_sets; DROP TABLE policy_active;
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
