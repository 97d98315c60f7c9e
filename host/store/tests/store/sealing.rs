//! With keys, nobody who has the database alone reads arguments, results or journals, nor puts one
//! value in another's place; in either database.

use std::time::{Duration, Instant};

use crate::conformance::evaluation::{NOW_MS, decision};
use crate::conformance::flow::{
    asking, cancel, claim, grounds, happen, permitted, request, tenant, vote,
};
use crate::opened::{Opened, Place};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tokio::task::JoinSet;
use writ_core::approval::{Ballot, Choice};
use writ_core::execution::{Event, Report};
use writ_core::journal::{Entry, Outcome};
use writ_core::ports::{About, Window};
use writ_core::tool::{Answer, HostCall};
use writ_core::{BoundTool, DecisionRecord, Digest, Execution, Json, Request, Tenant, ToolKind};
use writ_store::{
    Broken, Chosen, NewSet, Occasion, ResealFrom, RolloutEnd, Run, SealError, Sealing, SetChange,
    SigningKey, Store, StoreError, VerifyError,
};

/// What nobody is to read.
const ARGUMENT: &str = "the-argument-4711";
const RESULT: &str = "the-result-4712";
const REASON: &str = "the-reason-4713";
const SAID: &str = "what-a-policy-said-4714";
const ANSWER: i64 = 47_154_715_471_547;
const SECRET: &[u8] = b"a signing key 4716";
const SETTINGS: &str = "what-a-policy-is-configured-with-4717";
const SECRETS: [&str; 7] =
    [ARGUMENT, RESULT, REASON, SAID, "47154715471547", "YSBzaWduaW5nIGtleSA0NzE2", SETTINGS];

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn sealing(active: &str, ids: &[&str]) -> Sealing {
    let key = |id: &&str| ((*id).to_owned(), [id.as_bytes()[1]; 32]);
    Sealing::new(active, ids.iter().map(key)).unwrap()
}

fn about() -> Request {
    let mut about = request();
    about.action.properties = Json::parse(&format!(r#"{{"to":"{ARGUMENT}"}}"#)).unwrap();
    about
}

fn entry(number: u64) -> Entry {
    let call = HostCall::Increment { key: "n".into(), delta: 1, ttl: None };
    let outcome = Outcome::Answered(Answer::Count { count: ANSWER });
    Entry { number, name: call.name().into(), call: call.digest(), outcome }
}

fn said() -> DecisionRecord {
    let mut decision = decision();
    decision.policies[0].reason = Some(SAID.into());
    decision
}

fn signing() -> SigningKey {
    SigningKey { kid: "kid".into(), created_ms: 1, secret: SECRET.into(), retired_ms: None }
}

/// That a set decides.
fn first_set() -> SetChange {
    let set = NewSet {
        policy_set: Digest::of(SETTINGS),
        document: SETTINGS.into(),
        components: Vec::new(),
    };
    SetChange {
        tenant: Tenant::default(),
        chosen: Chosen::Set(Box::new(set)),
        files: None,
        occasion: Occasion::default(),
        at_ms: NOW_MS,
        only_if: None,
        promotes: RolloutEnd { ended: String::new(), evidence: Box::new(|_| None) },
        overtakes: RolloutEnd { ended: String::new(), evidence: Box::new(|_| None) },
        evidence: Box::new(|_| None),
    }
}

/// What a store holds.
struct Filled {
    done: Execution,
    approved: Execution,
    decision: DecisionRecord,
}

/// Everything that is sealed, once at least.
async fn fill(store: &Store) -> Filled {
    let (name, digest) = ("payout".parse().unwrap(), Digest::of("component"));
    let tool = BoundTool { name, digest, kind: ToolKind::Component };
    let mut created = permitted().about(about()).created();
    created.execution = created.execution.by_tool(tool);
    let allowed = created.execution.clone();
    store.create(created, None).await.unwrap();
    let running = happen(store, &allowed, claim(&allowed)).await.unwrap();
    let (of, execution) = (running.tenant.clone(), running.id.clone());
    let run = Run { tenant: of, execution, fence: running.fence };
    store.record(&run, &[entry(0), entry(1)], Vec::new()).await.unwrap();
    let report = Report::Succeeded(Json::parse(&format!(r#"{{"a":"{RESULT}"}}"#)).unwrap());
    let permit = Digest::of("permit");
    let by = "app".parse().unwrap();
    let reported = Event::Reported { by, permit, report, at_ms: NOW_MS + 2 };
    let done = happen(store, &running, reported).await.unwrap();

    let asked = asking(&[&["user:ann"]]).about(about()).create(store).await;
    let Event::Voted { approval, ballot } = vote(&asked, "ann") else { panic!() };
    let ballot = Ballot { reason: Some(REASON.into()), choice: Choice::Approve, ..ballot };
    let approved = happen(store, &asked, Event::Voted { approval, ballot }).await.unwrap();

    let decision = said();
    store.commit(decision.clone(), vec![]).await.unwrap();
    let mut with_grounds = grounds(store, "n").await;
    with_grounds.decision.policies[0].reason = Some(SAID.into());
    store.create(permitted().created(), Some(with_grounds)).await.unwrap();
    store.keep_signing_key(&Tenant::default(), &signing()).await.unwrap();
    store.activate_set(first_set()).await.unwrap();
    Filled { done, approved, decision }
}

/// Everything reads back as it was, and the evidence is whole.
async fn check(store: &Store, filled: &Filled) {
    let tenant = Tenant::default();
    let Filled { done, approved, decision } = filled;
    for execution in [done, approved] {
        let found = store.execution(&tenant, &execution.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(execution));
    }
    let journal = store.journal(&tenant, &done.id).await.unwrap();
    assert_eq!(journal, [entry(0), entry(1)]);
    let found = store.decision(&tenant, &decision.id).await.unwrap().unwrap();
    assert_eq!(found.policies, decision.policies);
    let window = Window { since_ms: 0, limit: 10 };
    let recent = store.approval_reader().recent(&About::of(&tenant, &about()), window).await;
    assert_eq!(recent.unwrap(), approved.approvals);
    assert_eq!(store.signing_keys(&tenant).await.unwrap(), [signing()]);
    let version = store.set_version(&tenant, 1).await.unwrap().unwrap();
    assert_eq!(version.document, SETTINGS);
    assert_eq!(
        store.set_versions(&tenant, None, 10).await.unwrap(),
        std::slice::from_ref(&version)
    );
    let found = store.set_version_of(&tenant, Digest::of(SETTINGS)).await.unwrap();
    assert_eq!(found, Some(version));
    store.verify(&tenant).await.unwrap();
}

/// All that the database holds, as bytes.
async fn dump(opened: &Opened) -> Vec<u8> {
    match &opened.place {
        Place::Files(directory) => {
            let files = std::fs::read_dir(directory.path().join("data")).unwrap();
            files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
        }
        Place::Database(database) => {
            let mut connection = PgConnection::connect(&database.url()).await.unwrap();
            let tables = "SELECT set_config('writ.tenant', 'default', false), tablename
                FROM pg_tables WHERE schemaname = 'public'";
            let tables = sqlx::query(tables).fetch_all(&mut connection).await.unwrap();
            let mut texts = String::new();
            for table in tables {
                let table: &str = table.get("tablename");
                let sql = AssertSqlSafe(format!("SELECT {table}::text AS row FROM {table}"));
                for row in sqlx::query(sql).fetch_all(&mut connection).await.unwrap() {
                    texts += row.get("row");
                }
            }
            texts.into_bytes()
        }
    }
}

fn holds(dump: &[u8], text: &str) -> bool {
    dump.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn tamper(opened: &Opened, sql: &str) {
    match &opened.place {
        Place::Files(_) => {
            let url = format!("sqlite://{}", opened.config().directory.join("writ.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        Place::Database(database) => {
            let mut connection = PgConnection::connect(&database.url()).await.unwrap();
            let sql = format!("SET writ.tenant = 'default'; {sql}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// Seals everything anew; how many values.
async fn reseal(store: &Store, batch: u32, batches_max: usize) -> u64 {
    let (mut from, mut values) = (Some(ResealFrom::start()), 0);
    for _ in 0..batches_max {
        let Some(place) = from else { break };
        let resealed = store.reseal(&Tenant::default(), &place, batch).await.unwrap();
        (from, values) = (resealed.next, values + resealed.values);
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sealed_is_found_in_the_database() {
    for opened in Opened::each_sealed(&sealing("k1", &["k1"])).await {
        let filled = fill(&opened.store).await;
        check(&opened.store, &filled).await;
        let dump = dump(&opened).await;
        for secret in SECRETS {
            assert!(!holds(&dump, secret), "{secret}");
        }
        assert!(holds(&dump, &filled.done.id) && holds(&dump, "sealed:1:k1:"));
    }
    // Where nothing is sealed all of it is found: so it would be.
    for opened in Opened::each().await {
        fill(&opened.store).await;
        let dump = dump(&opened).await;
        for secret in SECRETS {
            assert!(holds(&dump, secret), "{secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_value_and_one_of_another_row_are_errors_of_their_own() {
    for opened in Opened::each_sealed(&sealing("k1", &["k1"])).await {
        let filled = fill(&opened.store).await;
        let (done, approved) = (&filled.done, &filled.approved);
        let flip = |column: &str| {
            format!(
                "{column} = substr({column}, 1, 60) ||
            CASE substr({column}, 61, 1) WHEN 'A' THEN 'B' ELSE 'A' END || substr({column}, 62)"
            )
        };
        let (id, entry) = (&done.id, format!("execution = '{}' AND number = 0", done.id));
        tamper(&opened, &format!("UPDATE executions SET {} WHERE id = '{id}'", flip("body"))).await;
        tamper(&opened, &format!("UPDATE journal SET {} WHERE {entry}", flip("body"))).await;
        tamper(&opened, &format!("UPDATE decision_batches SET {}", flip("body"))).await;
        tamper(&opened, &format!("UPDATE signing_keys SET {}", flip("secret"))).await;
        tamper(&opened, &format!("UPDATE policy_sets SET {}", flip("document"))).await;
        let (store, tenant) = (&opened.store, Tenant::default());
        let broken = |error: StoreError| {
            assert!(matches!(error, StoreError::Sealed(SealError::Broken { .. })), "{error:?}");
        };
        broken(store.execution(&tenant, id).await.unwrap_err());
        broken(store.journal(&tenant, id).await.unwrap_err());
        broken(store.decision(&tenant, &filled.decision.id).await.unwrap_err());
        broken(store.signing_keys(&tenant).await.unwrap_err());
        broken(store.set_version(&tenant, 1).await.unwrap_err());
        broken(store.set_versions(&tenant, None, 10).await.unwrap_err());
        let Err(VerifyError::Broken(Broken::Changed { execution, .. })) =
            store.verify(&tenant).await
        else {
            panic!("nothing is found")
        };
        assert_eq!(execution, *id);

        // The value of another row.
        let other = format!("(SELECT body FROM executions WHERE id = '{}')", approved.id);
        tamper(&opened, &format!("UPDATE executions SET body = {other} WHERE id = '{id}'")).await;
        broken(store.execution(&tenant, id).await.unwrap_err());
        let other = format!("(SELECT body FROM journal WHERE execution = '{id}' AND number = 1)");
        tamper(&opened, &format!("UPDATE journal SET body = {other} WHERE {entry}")).await;
        broken(store.journal(&tenant, id).await.unwrap_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_values_and_others_lie_side_by_side() {
    for opened in Opened::each().await {
        let plain = fill(&opened.store).await;
        let opened = opened.again_with(&sealing("k1", &["k1"])).await;
        check(&opened.store, &plain).await;
        let Filled { approved, .. } = &plain;
        happen(&opened.store, approved, cancel()).await.unwrap();
        let both = permitted().about(about()).create(&opened.store).await;
        let opened = opened.again_with(&sealing("k2", &["k1", "k2"])).await;
        let found = opened.store.execution(&both.tenant, &both.id).await.unwrap();
        assert_eq!(found, Some(both.clone()));
        opened.store.verify(&Tenant::default()).await.unwrap();
        // Without its key it does not open, and the key is named.
        let opened = opened.again_with(&sealing("k2", &["k2"])).await;
        let error = opened.store.execution(&both.tenant, &both.id).await.unwrap_err();
        assert!(error.to_string().contains("the key `k1`, which is not configured"), "{error}");
        let Err(VerifyError::Store(StoreError::Sealed(SealError::UnknownKey { key, .. }))) =
            opened.store.verify(&Tenant::default()).await
        else {
            panic!("it verifies without its key")
        };
        assert_eq!(key, "k1");
        let error = opened.again().await.store.execution(&both.tenant, &both.id).await.unwrap_err();
        assert!(error.to_string().contains("`k1`"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_key_can_go_once_everything_is_sealed_anew_also_after_a_stop() {
    for opened in Opened::each().await {
        let filled = fill(&opened.store).await;
        let opened = opened.again_with(&sealing("k1", &["k1"])).await;
        for _ in 0..10 {
            permitted().about(about()).create(&opened.store).await;
        }
        let opened = opened.again_with(&sealing("k2", &["k1", "k2"])).await;
        // Some of it, and then everything stops.
        assert_eq!(reseal(&opened.store, 2, 3).await, 6);
        let Opened { store, place } = opened;
        match &place {
            Place::Database(_) => drop(store),
            Place::Files(_) => store.close().await.unwrap(),
        }
        let store = Store::open(place.sealed(&sealing("k2", &["k1", "k2"]))).await.unwrap();
        let opened = Opened { store, place };
        let rest = reseal(&opened.store, 2, usize::MAX).await;
        assert_eq!(
            rest,
            13 - 6 + 2 + 2 + 1 + 1,
            "executions, decisions, journal, signing key, version"
        );
        assert_eq!(reseal(&opened.store, 1_000, usize::MAX).await, 0);

        let opened = opened.again_with(&sealing("k2", &["k2"])).await;
        check(&opened.store, &filled).await;
        let dump = dump(&opened).await;
        assert!(!holds(&dump, "sealed:1:k1:") || matches!(opened.place, Place::Files(_)));
        let plain = opened.again().await;
        let refused = plain.store.reseal(&tenant("default"), &ResealFrom::start(), 1).await;
        assert!(matches!(refused, Err(StoreError::NotSealing)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_go_on_while_everything_is_sealed_anew() {
    for opened in Opened::each_sealed(&sealing("k1", &["k1"])).await {
        let mut made = Vec::new();
        for _ in 0..40 {
            made.push(permitted().about(about()).create(&opened.store).await);
        }
        let opened = opened.again_with(&sealing("k2", &["k1", "k2"])).await;
        let mut tasks = JoinSet::new();
        for execution in made.clone() {
            let store = opened.store.clone();
            tasks.spawn(async move {
                happen(&store, &execution, claim(&execution)).await.unwrap();
            });
        }
        let began = Instant::now();
        while reseal(&opened.store, 3, usize::MAX).await > 0 || !tasks.is_empty() {
            while tasks.try_join_next().is_some() {}
            assert!(began.elapsed() < PATIENCE, "it does not end");
        }
        let opened = opened.again_with(&sealing("k2", &["k2"])).await;
        for execution in made {
            let found = opened.store.execution(&execution.tenant, &execution.id).await.unwrap();
            assert_eq!(found.unwrap().fence, 1, "a step was lost");
        }
        opened.store.verify(&Tenant::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_decisions_are_sealed_a_few_at_a_time() {
    for opened in Opened::each().await {
        for _ in 0..20 {
            opened.store.commit(decision(), vec![]).await.unwrap();
        }
        let opened = opened.again_with(&sealing("k1", &["k1"])).await;
        let (mut from, mut counts) = (Some(ResealFrom::start()), Vec::new());
        while let Some(place) = from {
            let resealed = opened.store.reseal(&Tenant::default(), &place, 1_000).await.unwrap();
            counts.push(resealed.values);
            from = resealed.next;
        }
        counts.retain(|count| *count > 0);
        assert_eq!(counts, [16, 4]);
        assert_eq!(opened.store.verify(&Tenant::default()).await.unwrap().decisions, 20);
    }
}
