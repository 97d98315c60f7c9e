//! What somebody changes behind the store's back is found, and named.

use std::path::PathBuf;

use crate::conformance::evaluation::{NOW_MS, get, set};
use crate::conformance::flow::{
    asking, cancel, claim, grounds, happen, permitted, report, request, tenant, vote,
};
use crate::opened::{Opened, Place};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::runtime::Runtime;
use writ_core::chain::{Breach, Break};
use writ_core::ports::{About, Window};
use writ_core::{Execution, Tenant};
use writ_store::{Broken, ChangeError, CommitError, Verified, VerifyError};

/// Some executions, of which each has moved. Their events: 1 to 5, 6 to 12, 13 to 15.
async fn moved() -> (Opened, Vec<Execution>) {
    moved_in(Opened::new(|_| {}).await).await
}

async fn moved_in(opened: Opened) -> (Opened, Vec<Execution>) {
    let store = &opened.store;
    let done = permitted().create(store).await;
    happen(store, &done, claim(&done)).await.unwrap();
    let done = happen(store, &done, report()).await.unwrap();
    let approved = asking(&[&["user:ann"]]).create(store).await;
    let approved = happen(store, &approved, vote(&approved, "ann")).await.unwrap();
    let allowed = permitted().create(store).await;
    permitted().of("other", "app").create(store).await;
    (opened, vec![done, approved, allowed])
}

async fn tamper(opened: &Opened, sql: &str) {
    match &opened.place {
        Place::Files(_) => {
            let path = opened.config().directory.join("writ.db");
            tamper_with(path, sql.to_owned()).await;
        }
        Place::Database(database) => {
            // Whoever may change what is kept can say whose it is, too.
            let sql = sql.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')");
            let sql = format!("SET writ.tenant = 'default'; {}", sql.replace("x'00'", "'\\x00'"));
            let mut connection = PgConnection::connect(&database.url()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn tamper_with(path: PathBuf, sql: String) {
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// From within a function that is not async.
fn tamper_now(path: PathBuf, sql: String) {
    let tamper = move || Runtime::new().unwrap().block_on(tamper_with(path, sql));
    std::thread::spawn(tamper).join().unwrap();
}

async fn verify(opened: &Opened) -> Result<Verified, Broken> {
    match opened.store.verify(&Tenant::default()).await {
        Ok(verified) => Ok(verified),
        Err(VerifyError::Broken(broken)) => Err(broken),
        Err(VerifyError::Store(error)) => panic!("{error}"),
    }
}

/// Tampers, and expects an event to be named, with its execution if that can be told.
async fn check(sql: &str, sequence: u64, breach: Breach, execution: Option<usize>) {
    for opened in Opened::each().await {
        let (opened, executions) = moved_in(opened).await;
        tamper(&opened, sql).await;
        let execution = execution.map(|index| executions[index].id.clone());
        let at = Break { sequence, breach };
        assert_eq!(verify(&opened).await, Err(Broken::Event { at, execution }), "{sql}");
        let other = opened.store.verify(&tenant("other")).await.unwrap();
        assert_eq!(other.executions, 1);
    }
}

/// Tampers with one execution, and expects what is found.
async fn check_execution(index: usize, sql: &str, broken: impl Fn(String) -> Broken) {
    for opened in Opened::each().await {
        let (opened, executions) = moved_in(opened).await;
        let id = executions[index].id.clone();
        tamper(&opened, &sql.replace("{id}", &format!("tenant = 'default' AND id = '{id}'"))).await;
        assert_eq!(verify(&opened).await, Err(broken(id)), "{sql}");
    }
}

#[tokio::test]
async fn what_nobody_touched_is_whole() {
    for opened in Opened::each().await {
        let (opened, executions) = moved_in(opened).await;
        let verified = verify(&opened).await.unwrap();
        assert_eq!((verified.head.sequence, verified.executions), (15, executions.len() as u64));
        let opened = opened.again().await;
        assert_eq!(verify(&opened).await.unwrap(), verified);
        permitted().create(&opened.store).await;
        assert_eq!(verify(&opened).await.unwrap().head.sequence, 18);
        let nothing = opened.store.verify(&tenant("nobody")).await.unwrap();
        assert_eq!((nothing.head.sequence, nothing.executions), (0, 0));
    }
}

#[tokio::test]
async fn a_changed_event_is_found() {
    let event = |sequence| format!("tenant = 'default' AND sequence = {sequence}");
    let (sixth, first, last) = (event(6), event(1), event(15));
    for (sql, sequence, execution) in [
        // Another fact, another time, a space that changes nothing, another hash, another column.
        (format!("UPDATE events SET body = replace(body, 'App', 'Ann') WHERE {sixth}"), 6, 1),
        (
            format!(
                "UPDATE events SET body = replace(body, '\"at_ms\":4', '\"at_ms\":5') WHERE {last}"
            ),
            15,
            2,
        ),
        (format!("UPDATE events SET body = body || ' ' WHERE {first}"), 1, 0),
        (format!("UPDATE events SET hash = zeroblob(32) WHERE {last}"), 15, 2),
        (format!("UPDATE events SET execution = 'x' WHERE {sixth}"), 6, 1),
        (format!("UPDATE events SET at_ms = at_ms + 1 WHERE {first}"), 1, 0),
    ] {
        check(&sql, sequence, Breach::Changed, Some(execution)).await;
    }
    for sql in [
        format!("UPDATE events SET body = '{{}}' WHERE {sixth}"),
        format!("UPDATE events SET hash = x'00' WHERE {sixth}"),
    ] {
        check(&sql, 6, Breach::Changed, None).await;
    }
}

#[tokio::test]
async fn a_removed_event_is_found() {
    for sequence in [1, 6, 13] {
        let sql = format!("DELETE FROM events WHERE tenant = 'default' AND sequence = {sequence}");
        check(&sql, sequence, Breach::Missing, None).await;
    }
    // The last one of those that came together.
    check(
        "DELETE FROM events WHERE tenant = 'default' AND sequence = 15",
        15,
        Breach::Missing,
        None,
    )
    .await;
    // A whole step leaves no gap, but an execution of which nothing tells how it became so.
    check_execution(2, "DELETE FROM events WHERE sequence >= 13", |execution| Broken::Untold {
        execution,
    })
    .await;
    check_execution(1, "DELETE FROM events WHERE sequence >= 10", |execution| Broken::Changed {
        execution,
        sequence: 9,
    })
    .await;
}

#[tokio::test]
async fn a_last_step_that_was_taken_back_is_found_where_the_end_is_kept() {
    let (opened, executions) = moved_in(Opened::shared().await).await;
    let id = &executions[2].id;
    let sql = format!(
        "DELETE FROM events WHERE sequence >= 13; DELETE FROM executions WHERE id = '{id}'"
    );
    tamper(&opened, &sql).await;
    let at = Break { sequence: 13, breach: Breach::Missing };
    assert_eq!(verify(&opened).await, Err(Broken::Event { at, execution: None }));
}

/// As `moved`, and what has ended has been removed: the chain begins after event 5 and has told so
/// in event 16.
async fn swept_in(opened: Opened) -> (Opened, Vec<Execution>) {
    let (opened, executions) = moved_in(opened).await;
    let removed = opened.store.retain(&Tenant::default(), NOW_MS + 9, NOW_MS + 9).await.unwrap();
    assert_eq!((removed.executions, removed.events), (1, 5));
    (opened, executions)
}

#[tokio::test]
async fn an_anchor_that_was_changed_or_moved_is_found() {
    let anchor = |sequence| Broken::Anchor { sequence };
    let event =
        |sequence, breach| Broken::Event { at: Break { sequence, breach }, execution: None };
    for (sql, broken) in [
        ("UPDATE anchors SET until_ms = until_ms + 1", anchor(5)),
        // Further on, and what is before it has gone.
        (
            "UPDATE anchors SET sequence = 12, hash = (
                SELECT hash FROM events WHERE tenant = 'default' AND sequence = 12);
             DELETE FROM events WHERE tenant = 'default' AND sequence <= 12",
            anchor(12),
        ),
        ("UPDATE anchors SET sequence = 4", event(5, Breach::Missing)),
        ("DELETE FROM anchors", event(1, Breach::Missing)),
    ] {
        for opened in Opened::each().await {
            let (opened, _) = swept_in(opened).await;
            assert_eq!(verify(&opened).await.unwrap().anchor.head.sequence, 5);
            tamper(&opened, sql).await;
            assert_eq!(verify(&opened).await, Err(broken.clone()), "{sql}");
        }
    }
}

#[tokio::test]
async fn what_was_changed_after_an_anchor_is_found() {
    for (sql, sequence, breach) in [
        ("UPDATE anchors SET hash = zeroblob(32)", 6, Breach::OutOfOrder),
        ("DELETE FROM events WHERE sequence = 6", 6, Breach::Missing),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE sequence = 8", 8, Breach::Changed),
        // Something that is older than the anchor.
        (
            "INSERT INTO events SELECT tenant, 2, execution, at_ms, body, hash FROM events
             WHERE tenant = 'default' AND sequence = 6",
            6,
            Breach::OutOfOrder,
        ),
        ("DELETE FROM events WHERE sequence = 16", 16, Breach::Missing),
    ] {
        for opened in Opened::each().await {
            let (opened, _) = swept_in(opened).await;
            // So that the event that vouches is not the last.
            permitted().create(&opened.store).await;
            tamper(&opened, sql).await;
            let Err(Broken::Event { at, .. }) = verify(&opened).await else { panic!("{sql}") };
            assert_eq!(at, Break { sequence, breach }, "{sql}");
        }
    }
}

#[tokio::test]
async fn what_is_broken_is_not_swept() {
    for (sql, place) in [
        ("UPDATE events SET at_ms = at_ms + 1 WHERE sequence = 2", 2),
        ("DELETE FROM events WHERE sequence = 1", 1),
    ] {
        for opened in Opened::each().await {
            let (opened, executions) = moved_in(opened).await;
            tamper(&opened, sql).await;
            let refused = opened.store.retain(&Tenant::default(), NOW_MS + 9, NOW_MS + 9).await;
            let Err(VerifyError::Broken(Broken::Event { at, .. })) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(at.sequence, place);
            let tenant = Tenant::default();
            assert!(opened.store.execution(&tenant, &executions[0].id).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn events_in_another_order_are_found() {
    let swap = "UPDATE events SET sequence = 100 WHERE tenant = 'default' AND sequence = 2;
                UPDATE events SET sequence = 2 WHERE tenant = 'default' AND sequence = 6;
                UPDATE events SET sequence = 6 WHERE tenant = 'default' AND sequence = 100";
    check(swap, 2, Breach::OutOfOrder, Some(1)).await;
    let again = "INSERT INTO events SELECT tenant, 16, execution, at_ms, body, hash FROM events
                 WHERE tenant = 'default' AND sequence = 15";
    check(again, 16, Breach::OutOfOrder, Some(2)).await;
}

#[tokio::test]
async fn a_changed_execution_is_found() {
    for column in [
        "body = replace(body, '\"fence\":1', '\"fence\":2')",
        "body = '{}'",
        "version = version + 1",
        "status = 'failed'",
        "requester = 'eve'",
        "due_at_ms = 1",
    ] {
        check_execution(0, &format!("UPDATE executions SET {column} WHERE {{id}}"), |execution| {
            Broken::Changed { execution, sequence: 5 }
        })
        .await;
    }
    check_execution(1, "DELETE FROM executions WHERE {id}", |execution| Broken::Removed {
        execution,
        sequence: 6,
    })
    .await;
    let copy = "INSERT INTO executions SELECT tenant, 'new', status, requester, version, due_at_ms,
                body FROM executions WHERE {id}";
    check_execution(0, copy, |_| Broken::Untold { execution: "new".into() }).await;
}

#[tokio::test]
async fn a_damaged_execution_is_not_changed_and_others_are() {
    let (opened, executions) = moved().await;
    let [_, approved, allowed] = &executions[..] else { panic!() };
    tamper(&opened, "UPDATE executions SET body = '{}' WHERE status = 'succeeded'").await;
    let damaged = opened.store.execution(&Tenant::default(), &executions[0].id).await.unwrap_err();
    assert!(damaged.to_string().starts_with("execution `"), "{damaged}");
    happen(&opened.store, approved, cancel()).await.unwrap();
    // Somebody else writes between the loading and the keeping.
    let counted = grounds(&opened.store, "n").await;
    let id = allowed.id.clone();
    let change = |execution: &Execution| {
        let path = opened.config().directory.join("writ.db");
        let sql = format!("UPDATE executions SET version = 7 WHERE id = '{id}'");
        tamper_now(path, sql);
        execution.apply(claim(execution))
    };
    let tenant = Tenant::default();
    let refused = opened.store.change(&tenant, &allowed.id, NOW_MS, Some(counted), change).await;
    let Err(ChangeError::Commit(CommitError::Unavailable(failure))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(failure.inside(), format!("execution `{id}` is at version 7, must be at version 1"));
    assert_eq!(get(&opened.store, "n").await, None, "what it wanted stored is forgotten");
    set(&opened.store, "n", "1").await;
    permitted().create(&opened.store).await;
    assert!(!opened.store.stats().is_failing);
}

#[tokio::test]
async fn a_history_does_not_leave_out_what_is_damaged() {
    for sql in [
        "UPDATE executions SET body = replace(body, '\"approvals\":', '\"others\":')",
        "UPDATE executions SET body = replace(body, '\"votes\":', '\"others\":')",
        "UPDATE executions SET body = 'x' || body",
        "DELETE FROM executions",
    ] {
        for opened in Opened::each().await {
            let (opened, _) = moved_in(opened).await;
            let about = About::of(&Tenant::default(), &request());
            let window = Window { since_ms: 0, limit: 100 };
            let reader = opened.store.approval_reader();
            assert_eq!(reader.recent(&about, window).await.unwrap().len(), 1);
            tamper(&opened, sql).await;
            let refused = reader.recent(&about, window).await;
            assert!(refused.is_err(), "{sql}: {refused:?}");
        }
    }
}
