//! Decisions that somebody changes, removes or puts elsewhere behind the store's back are found, and
//! the first is named.

use crate::conformance::evaluation::{NOW_MS, decision};
use crate::opened::{Opened, Place};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::task::JoinSet;
use writ_core::chain::Breach;
use writ_core::execution::Fact;
use writ_core::strand::StrandPlace;
use writ_core::{DecisionRecord, Tenant};
use writ_store::{Broken, Sealing, Verified, VerifyError};

async fn tamper(opened: &Opened, sql: &str) {
    match &opened.place {
        Place::Files(_) => {
            let path = opened.config().directory.join("writ.db");
            let url = format!("sqlite://{}", path.display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        Place::Database(database) => {
            // Whoever may change what is kept can say whose it is, too.
            let sql = sql.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')");
            let sql = format!("SET writ.tenant = 'default'; {sql}");
            let mut connection = PgConnection::connect(&database.url()).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn verify(opened: &Opened) -> Result<Verified, Broken> {
    match opened.store.verify(&Tenant::default()).await {
        Ok(verified) => Ok(verified),
        Err(VerifyError::Broken(broken)) => Err(broken),
        Err(VerifyError::Store(error)) => panic!("{error}"),
    }
}

/// The strands that events have told of, as the last one told.
async fn told(opened: &Opened) -> Vec<StrandPlace> {
    let events = opened.store.events_page(&Tenant::default(), None, 0, 1_000).await.unwrap();
    let told = events.into_iter().rev().find_map(|event| match event.fact {
        Fact::DecisionsAnchored { strands } => Some(strands),
        _ => None,
    });
    told.unwrap_or_default()
}

/// Three batches of one decision each in one strand, of which an event tells, and then a fourth.
async fn filled_in(opened: Opened) -> (Opened, Vec<DecisionRecord>) {
    let mut decisions = Vec::new();
    for at in 0..3 {
        decisions.push(DecisionRecord { received_at_ms: NOW_MS + at, ..decision() });
        opened.store.commit(decisions[at as usize].clone(), vec![]).await.unwrap();
    }
    let opened = opened.again().await;
    decisions.push(DecisionRecord { received_at_ms: NOW_MS + 3, ..decision() });
    opened.store.commit(decisions[3].clone(), vec![]).await.unwrap();
    (opened, decisions)
}

fn is_batch(broken: &Broken, number: u64, breach: Breach) -> bool {
    matches!(broken, Broken::Batch { number: n, breach: b, .. } if (*n, *b) == (number, breach))
}

#[tokio::test]
async fn what_nobody_touched_is_whole_and_told_of() {
    for opened in Opened::each().await {
        let (opened, _) = filled_in(opened).await;
        let verified = verify(&opened).await.unwrap();
        assert_eq!((verified.decisions, verified.head.sequence), (4, 1));
        let anchored = told(&opened).await;
        assert_eq!(anchored.iter().map(|place| place.number).collect::<Vec<_>>(), [3]);
        // Files have one strand; a database has another for each host that opens it.
        let is_shared = matches!(opened.place, Place::Database(_));
        let opened = opened.again().await;
        let again = told(&opened).await;
        assert_eq!(again.len(), 1);
        assert_eq!(
            (again[0].number, again[0].strand == anchored[0].strand),
            match is_shared {
                true => (1, false),
                false => (4, true),
            }
        );
        // Nothing is new: nothing is told.
        let opened = opened.again().await;
        assert_eq!(verify(&opened).await.unwrap().head.sequence, 2);
    }
}

#[tokio::test]
async fn a_changed_decision_is_named() {
    for opened in Opened::each().await {
        let (opened, decisions) = filled_in(opened).await;
        let sql = "UPDATE decision_batches SET body = replace(body, '\"deny\"', '\"deni\"')
            WHERE number = 2";
        tamper(&opened, sql).await;
        let Err(Broken::Decision { number, place, id, .. }) = verify(&opened).await else {
            panic!("nothing is found")
        };
        assert_eq!((number, place, id.as_ref()), (2, 1, Some(&decisions[1].id)));
    }
}

#[tokio::test]
async fn one_of_many_in_a_batch_is_named() {
    let opened = Opened::new(|_| {}).await;
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let store = opened.store.clone();
        tasks.spawn(async move { store.commit(decision(), vec![]).await.unwrap() });
    }
    tasks.join_all().await;
    let sql = "SELECT body FROM decision_batches";
    let url = format!("sqlite://{}", opened.config().directory.join("writ.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let body: String = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    let lines: Vec<_> = body.lines().collect();
    assert_eq!(lines.len(), 10, "they came at once");
    let swapped: Vec<_> = [0, 1, 2, 4, 3, 5, 6, 7, 8, 9].map(|at| lines[at]).to_vec();
    let (cut, more) = (&lines[..9], [&lines[..], &lines[..1]].concat());
    for (changed, expected) in [(&swapped[..], 4), (cut, 10), (&more[..], 11)] {
        let change = sqlx::query("UPDATE decision_batches SET body = ?").bind(changed.join("\n"));
        change.execute(&mut connection).await.unwrap();
        let Err(Broken::Decision { place, .. }) = verify(&opened).await else {
            panic!("nothing is found")
        };
        assert_eq!(place, expected);
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_batch_that_was_changed_removed_or_moved_is_named() {
    for (sql, number, breach) in [
        ("UPDATE decision_batches SET hash = zeroblob(32) WHERE number = 2", 2, Breach::Changed),
        (
            "UPDATE decision_batches SET previous = zeroblob(32) WHERE number = 2",
            2,
            Breach::Changed,
        ),
        ("UPDATE decision_batches SET digests = zeroblob(32) WHERE number = 3", 3, Breach::Changed),
        ("UPDATE decision_batches SET first_id = 'a' WHERE number = 2", 2, Breach::Changed),
        (
            "UPDATE decision_batches SET until_ms = until_ms + 1 WHERE number = 2",
            2,
            Breach::Changed,
        ),
        ("UPDATE decision_batches SET decisions = 2 WHERE number = 2", 2, Breach::Changed),
        ("DELETE FROM decision_batches WHERE number = 2", 2, Breach::Missing),
        // What an event has told of cannot be cut off.
        ("DELETE FROM decision_batches WHERE number >= 3", 3, Breach::Missing),
        ("DELETE FROM decision_batches; DELETE FROM decision_strands", 3, Breach::Missing),
        ("DELETE FROM decision_strands", 3, Breach::Missing),
        (
            "UPDATE decision_batches SET number = 9 WHERE number = 2;
             UPDATE decision_batches SET number = 2 WHERE number = 3;
             UPDATE decision_batches SET number = 3 WHERE number = 9",
            2,
            Breach::OutOfOrder,
        ),
        ("UPDATE decision_batches SET strand = 'other' WHERE number = 3", 3, Breach::Missing),
    ] {
        for opened in Opened::each().await {
            let (opened, _) = filled_in(opened).await;
            tamper(&opened, sql).await;
            let broken = verify(&opened).await.unwrap_err();
            assert!(is_batch(&broken, number, breach), "{sql}: {broken}");
        }
    }
}

#[tokio::test]
async fn a_batch_in_a_strand_that_is_not_there_is_named() {
    for opened in Opened::each().await {
        let (opened, _) = filled_in(opened).await;
        let sql = "INSERT INTO decision_batches SELECT tenant, 'other', number, first_id, last_id,
            from_ms, until_ms, decisions, digests, previous, hash, body FROM decision_batches
            WHERE number = 3";
        tamper(&opened, sql).await;
        let broken = verify(&opened).await.unwrap_err();
        assert!(is_batch(&broken, 3, Breach::OutOfOrder), "{broken}");
    }
}

#[tokio::test]
async fn what_no_event_has_told_of_yet_cannot_be_cut_off_where_the_end_is_kept() {
    let (opened, _) = filled_in(Opened::shared().await).await;
    let last =
        "DELETE FROM decision_batches WHERE from_ms = (SELECT max(from_ms) FROM decision_batches)";
    tamper(&opened, last).await;
    let broken = verify(&opened).await.unwrap_err();
    assert!(is_batch(&broken, 1, Breach::Missing), "{broken}");
}

#[tokio::test]
async fn where_a_strand_begins_after_a_removal_is_vouched_for() {
    for opened in Opened::each().await {
        let (opened, decisions) = filled_in(opened).await;
        let before_ms = NOW_MS + 2;
        let tenant = Tenant::default();
        let removed = opened.store.retain(&tenant, before_ms, before_ms).await.unwrap();
        assert_eq!(removed.decisions, 2);
        assert_eq!(verify(&opened).await.unwrap().decisions, 2);
        assert_eq!(opened.store.decision(&tenant, &decisions[1].id).await.unwrap(), None);
        tamper(
            &opened,
            "UPDATE decision_strands SET number = 3, hash = (SELECT hash FROM decision_batches
                WHERE number = 3) WHERE number = 2;
             DELETE FROM decision_batches WHERE number = 3",
        )
        .await;
        let broken = verify(&opened).await.unwrap_err();
        assert!(matches!(broken, Broken::Strand { number: 3, .. }), "{broken}");
    }
}

#[tokio::test]
async fn what_a_removal_has_left_cannot_be_cut_off() {
    for opened in Opened::each().await {
        for at in 0..3 {
            let decision = DecisionRecord { received_at_ms: NOW_MS + at, ..decision() };
            opened.store.commit(decision, vec![]).await.unwrap();
        }
        let before_ms = NOW_MS + 2;
        let removed = opened.store.retain(&Tenant::default(), before_ms, before_ms).await.unwrap();
        assert_eq!((removed.decisions, told(&opened).await), (2, Vec::new()));
        assert_eq!(verify(&opened).await.unwrap().decisions, 1);
        tamper(&opened, "DELETE FROM decision_batches; DELETE FROM decision_strands").await;
        let broken = verify(&opened).await.unwrap_err();
        assert!(is_batch(&broken, 3, Breach::Missing), "{broken}");
    }
}

#[tokio::test]
async fn what_is_broken_is_not_removed() {
    for opened in Opened::each().await {
        let (opened, _) = filled_in(opened).await;
        let sql = "UPDATE decision_batches SET body = replace(body, '\"deny\"', '\"deni\"')
            WHERE number = 1";
        tamper(&opened, sql).await;
        let refused = opened.store.retain(&Tenant::default(), NOW_MS + 9, NOW_MS + 9).await;
        let Err(VerifyError::Broken(Broken::Decision { number, .. })) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(number, 1);
    }
}

/// What is not old cannot be made so by whoever writes the database, whatever is said of its key.
#[tokio::test]
async fn what_was_made_older_is_not_removed() {
    for opened in Opened::each().await {
        let (opened, _) = filled_in(opened).await;
        let sql =
            "UPDATE decision_batches SET from_ms = 0, until_ms = 0, body = 'sealed:1:zz:AAAA'";
        tamper(&opened, sql).await;
        let refused = opened.store.retain(&Tenant::default(), NOW_MS - 9, NOW_MS - 9).await;
        let Err(VerifyError::Broken(broken)) = refused else { panic!("{refused:?}") };
        assert!(is_batch(&broken, 1, Breach::Changed), "{broken}");
    }
}

#[tokio::test]
async fn a_sealed_batch_is_as_whole_as_a_plain_one() {
    let keys = |active: &str| {
        let keys = [("a".to_owned(), [1; 32]), ("b".to_owned(), [2; 32])];
        Sealing::new(active, keys).unwrap()
    };
    for opened in Opened::each_sealed(&keys("a")).await {
        opened.store.commit(decision(), vec![]).await.unwrap();
        let opened = opened.again_with(&keys("b")).await;
        opened.store.commit(decision(), vec![]).await.unwrap();
        assert_eq!(verify(&opened).await.unwrap().decisions, 2);
        let sql = "UPDATE decision_batches SET body = 'sealed:1:a:AAAA'";
        tamper(&opened, sql).await;
        let broken = verify(&opened).await.unwrap_err();
        assert!(is_batch(&broken, 1, Breach::Changed), "{broken}");
    }
}
