//! In PostgreSQL a transaction sees and changes the rows of the tenant that it names, and no other.

use crate::conformance::evaluation::{decision, set};
use crate::conformance::flow::{asking, permitted};
use crate::opened::Opened;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

/// Every table with rows of tenants.
const TABLES: [&str; 27] = [
    "decisions",
    "decision_batches",
    "decision_strands",
    "namespaces",
    "storage",
    "executions",
    "approvals",
    "asked",
    "answered",
    "approval_history",
    "chains",
    "events",
    "idempotency",
    "journal",
    "work",
    "channels",
    "dead_letters",
    "answer_links",
    "errands",
    "anchors",
    "signing_keys",
    "policy_components",
    "policy_sets",
    "policy_active",
    "policy_rollouts",
    "policy_signatures",
    "api_keys",
];

/// A database with something of the tenant `default` in every table but that of keys.
async fn filled() -> (Opened, PgConnection) {
    let opened = Opened::shared().await;
    opened.store.commit(decision(), vec![]).await.unwrap();
    set(&opened.store, "k", "v").await;
    permitted().with_key("k", "body").create(&opened.store).await;
    asking(&[&["user:ann"]]).create(&opened.store).await;
    let mut connection = PgConnection::connect(&opened.place.url()).await.unwrap();
    say(&mut connection, "writ.tenant", "default").await;
    let tool = "INSERT INTO journal VALUES ('default', 'e', 0, '{}');
        INSERT INTO decisions VALUES
            ('default', 'd', 0, NULL, NULL, '', 's', 's', 'a', 'r', 'r', '', 'allow', '[]');
        INSERT INTO work (tenant, execution, at_ms, tool, digest, since_ms)
            VALUES ('default', 'e', 0, 't', 'd', 0);
        INSERT INTO errands VALUES ('default', 'e.1.call-off', 'call-off', 'e', NULL, 0);
        INSERT INTO channels VALUES ('default', 'c', 1, '', 0, 0);
        INSERT INTO dead_letters VALUES ('default', 'd', 'c', 1, NULL, 1, '', 0);
        INSERT INTO answer_links VALUES ('default', '', 'c', 'e', 'a', 0, 'ann', false);
        INSERT INTO answered VALUES ('default', 'ann', 'a', 'e');
        INSERT INTO signing_keys VALUES ('default', 'k', 0, '', NULL);
        INSERT INTO policy_components VALUES ('default', '', '', '{}', 0);
        INSERT INTO policy_sets VALUES ('default', 1, '', '{}', NULL, '', 0);
        INSERT INTO policy_active VALUES ('default', 1, NULL, 1, NULL, 0);
        INSERT INTO policy_rollouts VALUES ('default', 1, 1, '{}', '', NULL, '', 0, NULL, 1);
        INSERT INTO policy_signatures VALUES ('default', '', 'k', '', 0);
        INSERT INTO anchors SELECT tenant, 0, '', 0 FROM work";
    sqlx::raw_sql(tool).execute(&mut connection).await.unwrap();
    let start = writ_core::chain::Head::start("default".parse().unwrap()).hash;
    let anchored = sqlx::query("UPDATE anchors SET hash = $1").bind(&start.as_bytes()[..]);
    anchored.execute(&mut connection).await.unwrap();
    say(&mut connection, "writ.tenant", "").await;
    (opened, connection)
}

async fn say(connection: &mut PgConnection, setting: &str, value: &str) {
    let sql = "SELECT set_config($1, $2, false)";
    sqlx::query(sql).bind(setting).bind(value).execute(connection).await.unwrap();
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query(sql).fetch_one(connection).await.unwrap().get(0)
}

/// How many rows each table shows.
async fn counts(connection: &mut PgConnection) -> Vec<(&'static str, i64)> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push((table, count(connection, table).await));
    }
    counts
}

#[tokio::test]
async fn the_role_of_these_tests_is_not_beyond_row_security() {
    let (_opened, mut connection) = filled().await;
    let sql = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
    let is_beyond: bool = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert!(!is_beyond, "give a DATABASE_URL whose role is no superuser and has no BYPASSRLS");
}

#[tokio::test]
async fn a_tenant_sees_its_rows_and_another_none() {
    let (_opened, mut connection) = filled().await;
    say(&mut connection, "writ.tenant", "default").await;
    for (table, count) in counts(&mut connection).await {
        assert_eq!(count > 0, table != "api_keys", "{table}: {count}");
    }
    for tenant in ["other", "", "default'"] {
        say(&mut connection, "writ.tenant", tenant).await;
        assert!(counts(&mut connection).await.iter().all(|(_, count)| *count == 0), "{tenant}");
    }
}

#[tokio::test]
async fn who_names_nobody_sees_nothing() {
    let (_opened, mut connection) = filled().await;
    assert!(counts(&mut connection).await.iter().all(|(_, count)| *count == 0));
}

#[tokio::test]
async fn another_tenant_changes_and_removes_nothing() {
    let (opened, mut connection) = filled().await;
    say(&mut connection, "writ.tenant", "default").await;
    let before = counts(&mut connection).await;
    say(&mut connection, "writ.tenant", "other").await;
    for table in TABLES {
        for sql in [format!("UPDATE {table} SET tenant = 'other'"), format!("DELETE FROM {table}")]
        {
            let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            assert_eq!(done.rows_affected(), 0, "{table}");
        }
    }
    say(&mut connection, "writ.tenant", "default").await;
    assert_eq!(counts(&mut connection).await, before);
    opened.store.verify(&"default".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn nobody_writes_a_row_of_another_tenant() {
    let (_opened, mut connection) = filled().await;
    say(&mut connection, "writ.tenant", "other").await;
    let insert = "INSERT INTO chains (tenant, sequence, hash) VALUES ('third', 0, '')";
    let refused = sqlx::query(insert).execute(&mut connection).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    say(&mut connection, "writ.tenant", "default").await;
    let give = "UPDATE executions SET tenant = 'other'";
    let refused = sqlx::query(give).execute(&mut connection).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
}

#[tokio::test]
async fn who_serves_all_tenants_sees_what_that_needs_and_writes_leases_alone() {
    let (_opened, mut connection) = filled().await;
    say(&mut connection, "writ.scope", "all-tenants").await;
    for (table, count) in counts(&mut connection).await {
        let seen = [
            "storage",
            "executions",
            "chains",
            "work",
            "errands",
            "policy_active",
            "policy_rollouts",
        ];
        let is_seen = seen.contains(&table);
        assert_eq!(count > 0, is_seen, "{table}: {count}");
    }
    for table in TABLES {
        let sql = AssertSqlSafe(format!("DELETE FROM {table}"));
        let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{table}");
    }
    let sql = "UPDATE storage SET version = 0";
    assert_eq!(sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected(), 0);
    let sql = "UPDATE executions SET leased_by = 'a'";
    assert_eq!(sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected(), 2);
}
