//! Every listing finds its rows, in their order, by an index: none reads more than it returns.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row as _};

use super::{
    answer_links, approvals, audit, batches, channels, errands, events, executions, history,
    idempotency, journal, letters, retention, strands, work,
};

async fn tables() -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    crate::migration::SQLITE.run(&mut connection).await.unwrap();
    connection
}

async fn plan(connection: &mut SqliteConnection, sql: &'static str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

#[tokio::test]
async fn each_query_uses_its_index() {
    let mut connection = tables().await;
    let by_id = "executions USING INDEX sqlite_autoindex_executions_1";
    let queries: &[(&'static str, &[&str])] = &[
        (executions::ONE, &["SEARCH {by_id} (tenant=? AND id=?)"]),
        (executions::PAGE, &["SEARCH {by_id} (tenant=? AND id<?)"]),
        (
            executions::PAGE_OF_STATUS,
            &[
                "SEARCH executions USING INDEX executions_by_status (tenant=? AND status=? AND id<?)",
            ],
        ),
        (
            executions::PAGE_OF_REQUESTER,
            &["SEARCH executions USING INDEX executions_by_requester \
               (tenant=? AND requester=? AND id<?)"],
        ),
        (
            executions::PAGE_OF_REQUESTER_AND_STATUS,
            &["SEARCH executions USING INDEX executions_by_requester_and_status \
               (tenant=? AND requester=? AND status=? AND id<?)"],
        ),
        (
            executions::COUNT_OF_STATUS,
            &[
                "SEARCH executions USING COVERING INDEX executions_by_status (tenant=? AND status=?)",
            ],
        ),
        (executions::DUE, &["SEARCH executions USING INDEX executions_due (due_at_ms<?)"]),
        (
            executions::NEXT_DUE,
            &["SEARCH executions USING COVERING INDEX executions_due (due_at_ms>?)"],
        ),
        (
            approvals::EXECUTION_OF,
            &[
                "SEARCH approvals USING PRIMARY KEY (tenant=? AND id=?)",
                "SEARCH {by_id} (tenant=? AND id=?)",
            ],
        ),
        (
            approvals::PENDING,
            &["SEARCH approvals USING COVERING INDEX approvals_pending (tenant=? AND id<?)"],
        ),
        (approvals::ENDED, &["SEARCH approvals USING INDEX approvals_ended (tenant=? AND id<?)"]),
        (
            approvals::ASKING,
            &["SEARCH asked USING PRIMARY KEY (tenant=? AND approver=? AND approval<?)"],
        ),
        (
            approvals::ANSWERED,
            &["SEARCH answered USING PRIMARY KEY (tenant=? AND approver=? AND approval<?)"],
        ),
        (
            history::RECENT,
            &["SEARCH approval_history USING PRIMARY KEY (tenant=? AND subject_type=? \
                 AND subject_id=? AND action=? AND resource_type=? AND resource_id=? \
                 AND opened_at_ms>?)"],
        ),
        (
            batches::NEWEST,
            &["SEARCH decision_batches USING INDEX decision_batches_by_id \
               (tenant=? AND last_id>? AND (last_id,strand,number)<(?,?,?))"],
        ),
        (
            batches::OF_STRAND,
            &["SEARCH decision_batches USING INDEX sqlite_autoindex_decision_batches_1 \
               (tenant=? AND strand=? AND number>?)"],
        ),
        (
            strands::LAST,
            &["SEARCH decision_batches USING INDEX sqlite_autoindex_decision_batches_1 \
               (tenant=? AND strand=?)"],
        ),
        (strands::STARTS, &["SEARCH decision_strands USING PRIMARY KEY (tenant=?)"]),
        (channels::ALL, &["SEARCH channels USING PRIMARY KEY (tenant=?)"]),
        (answer_links::ONE, &["SEARCH answer_links USING PRIMARY KEY (tenant=? AND token=?)"]),
        (
            answer_links::SENT_TO,
            &["SEARCH answer_links USING INDEX answer_links_by_execution \
               (tenant=? AND execution=?)"],
        ),
        (channels::ONE, &["SEARCH channels USING PRIMARY KEY (tenant=? AND name=?)"]),
        (letters::PAGE, &["SEARCH dead_letters USING PRIMARY KEY (tenant=? AND id<?)"]),
        (letters::COUNT, &["SEARCH dead_letters USING PRIMARY KEY (tenant=?)"]),
        (letters::ONE, &["SEARCH dead_letters USING PRIMARY KEY (tenant=? AND id=?)"]),
        (events::HEAD, &["SEARCH events USING INDEX sqlite_autoindex_events_1 (tenant=?)"]),
        (
            events::PAGE,
            &["SEARCH events USING INDEX sqlite_autoindex_events_1 (tenant=? AND sequence>?)"],
        ),
        (
            events::PAGE_OF_EXECUTION,
            &["SEARCH events USING INDEX events_by_execution \
               (tenant=? AND execution=? AND sequence>?)"],
        ),
        (
            idempotency::ONE,
            &[
                "SEARCH idempotency USING PRIMARY KEY (tenant=? AND requester=? AND key=?)",
                "SEARCH {by_id} (tenant=? AND id=?)",
            ],
        ),
        (
            journal::ALL,
            &["SEARCH journal USING INDEX sqlite_autoindex_journal_1 (tenant=? AND execution=?)"],
        ),
        (errands::DUE, &["SEARCH errands USING INDEX errands_by_time (at_ms<?)"]),
        (
            work::DUE,
            &["SEARCH work USING COVERING INDEX work_by_tool (tool=? AND digest=? AND at_ms<?)"],
        ),
        (
            work::CHANGED,
            &[
                "COMPOUND QUERY",
                "LEFT-MOST SUBQUERY",
                "SEARCH work USING INDEX work_by_tool (tool=? AND digest<?)",
                "UNION ALL",
                "SEARCH work USING INDEX work_by_tool (tool=? AND digest>?)",
            ],
        ),
        (
            audit::EVENTS,
            &["SEARCH events USING INDEX sqlite_autoindex_events_1 (tenant=? AND sequence>?)"],
        ),
    ];
    for (sql, expected) in queries {
        let expected: Vec<_> = expected.iter().map(|line| line.replace("{by_id}", by_id)).collect();
        assert_eq!(plan(&mut connection, sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn what_is_to_be_removed_is_found_by_its_index() {
    let mut connection = tables().await;
    let [history, keys, journal, links, answered] = retention::OF_EXECUTIONS;
    for (sql, index) in [
        (history, "approval_history_by_execution (tenant=? AND execution=?)"),
        (keys, "idempotency_by_execution (tenant=? AND execution=?)"),
        (journal, "sqlite_autoindex_journal_1 (tenant=? AND execution=?)"),
        (links, "answer_links_by_execution (tenant=? AND execution=?)"),
        (answered, "answered_by_execution (tenant=? AND execution=?)"),
        (retention::APPROVALS, "approvals_by_execution (tenant=? AND execution=?)"),
        (retention::EVENTS, "sqlite_autoindex_events_1 (tenant=? AND sequence<?)"),
        (retention::DECISIONS, "decisions_by_id (tenant=? AND id<?)"),
        (retention::OLD_DECISIONS, "decisions_by_id (tenant=? AND id<?)"),
        (strands::REMOVE, "decision_batches_1 (tenant=? AND strand=? AND number<?)"),
        (retention::TOLD_OF, "events_by_execution (tenant=? AND execution=?)"),
        (retention::TOLD_OF, "events_1 (tenant=? AND sequence>? AND sequence<?)"),
        (retention::FITS, "events_1 (tenant=? AND sequence<?)"),
        (retention::FITS, "events_by_execution (tenant=? AND execution=? AND sequence>?)"),
    ] {
        let plan = plan(&mut connection, sql).await;
        assert!(plan.iter().any(|line| line.ends_with(index)), "{plan:#?}");
    }
}

#[tokio::test]
async fn verifying_sorts_nothing_and_looks_everything_up() {
    let mut connection = tables().await;
    for sql in [audit::REMOVED, audit::EXECUTIONS, strands::STRAY] {
        let plan = plan(&mut connection, sql).await;
        let is_quick = |line: &String| !line.starts_with("SCAN") && !line.contains("TEMP B-TREE");
        assert!(plan.iter().all(is_quick), "{plan:?}");
    }
}
