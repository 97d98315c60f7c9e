//! Two hosts that share one PostgreSQL database do together what one does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::conformance::evaluation::{Evaluation, NOW_MS, assert_conflict, decision, get, set};
use crate::conformance::flow::{asking, cancel, claim, grounds, happen, permitted, vote};
use crate::opened::Opened;
use tokio::task::JoinSet;
use tokio::time::timeout;
use writ_core::execution::Event;
use writ_core::key::KEY_ID_LENGTH;
use writ_core::{Digest, Key, KeyId, Limits, Principal, Role, Tenant};
use writ_store::{ChangeError, CommitError, CreateError, PostgresConfig, Store};

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

struct Hosts {
    opened: Opened,
    other: Store,
}

impl Hosts {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut PostgresConfig)) -> Self {
        let opened = Opened::shared().await;
        let mut config = opened.place.database();
        change(&mut config);
        let other = Store::open(config).await.unwrap();
        Self { opened, other }
    }

    fn one(&self) -> &Store {
        &self.opened.store
    }

    /// One host after the other.
    fn of(&self, turn: usize) -> Store {
        if turn.is_multiple_of(2) { self.one().clone() } else { self.other.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_claims_on_two_hosts_gets_the_permit() {
    let hosts = Hosts::new().await;
    let created = permitted().create(hosts.one()).await;
    let mut tasks = JoinSet::new();
    for turn in 0..64 {
        let (store, created) = (hosts.of(turn), created.clone());
        tasks.spawn(async move { happen(&store, &created, claim(&created)).await });
    }
    let claims = tasks.join_all().await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    let refused = |claim: &&Result<_, _>| matches!(claim, Err(ChangeError::Refused(_)));
    assert_eq!(claims.iter().filter(refused).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_with_one_key_on_two_hosts_one_is_created() {
    let hosts = Hosts::new().await;
    let mut tasks = JoinSet::new();
    for turn in 0..64 {
        let store = hosts.of(turn);
        tasks.spawn(async move {
            let created = permitted().with_key("k", "same").created();
            let id = created.execution.id.clone();
            match store.create(created, None).await {
                Ok(()) => (id, true),
                Err(CreateError::Repeated(execution)) => (execution.id, false),
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|(_, created)| *created).count(), 1);
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_on_either_host_is_lost() {
    let hosts = Hosts::new().await;
    let mut tasks = JoinSet::new();
    for turn in 0..16 {
        let store = hosts.of(turn);
        tasks.spawn(async move {
            for _ in 0..8 {
                loop {
                    let mut evaluation = Evaluation::new(&store);
                    evaluation.increment("n", 1).await;
                    match evaluation.commit().await {
                        Ok(_) => break,
                        Err(CommitError::Conflict(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(get(&hosts.other, "n").await.as_deref(), Some("128"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_with_grounds_that_cross_on_two_hosts_all_come_to_an_end() {
    let hosts = Hosts::new().await;
    let mut tasks = JoinSet::new();
    for turn in 0..32 {
        let store = hosts.of(turn);
        tasks.spawn(async move {
            loop {
                let created = permitted().with_key(&format!("k{}", turn % 4), "same").created();
                let counted = grounds(&store, ["a", "b"][turn % 2]).await;
                match store.create(created, Some(counted)).await {
                    Ok(()) => return 1,
                    Err(CreateError::Repeated(_)) => return 0,
                    Err(CreateError::Commit(CommitError::Conflict(_))) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    let created: u64 = timeout(PATIENCE, tasks.join_all()).await.unwrap().iter().sum();
    let verified = hosts.other.verify(&Tenant::default()).await.unwrap();
    assert_eq!((created, verified.executions, verified.head.sequence), (4, 4, 12));
}

#[tokio::test]
async fn a_listing_on_one_host_is_in_conflict_with_a_key_of_the_other() {
    let hosts = Hosts::new().await;
    set(hosts.one(), "there", "1").await;
    let mut listed = Evaluation::new(hosts.one());
    assert_eq!(listed.list("", None, 10).await, ["there"]);
    set(&hosts.other, "new", "1").await;
    assert_conflict(listed.commit().await);
}

/// Each saw that the other's key was not there, and would not have written otherwise.
#[tokio::test]
async fn of_two_that_each_rest_on_what_the_other_changes_one_is_kept() {
    let hosts = Hosts::new().await;
    let mut one = Evaluation::new(hosts.one());
    let mut other = Evaluation::new(&hosts.other);
    assert_eq!((one.get("b").await, other.get("a").await), (None, None));
    one.set("a", b"1", None).await;
    other.set("b", b"1", None).await;
    let (one, other) = tokio::join!(one.commit(), other.commit());
    assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1, "{one:?} {other:?}");
}

#[tokio::test]
async fn two_hosts_do_not_exceed_the_quota_together() {
    let hosts = Hosts::new().await;
    let limits = Limits { storage_keys_max: 1, ..Limits::default() };
    let mut one = Evaluation::at(hosts.one(), NOW_MS, &limits);
    let mut other = Evaluation::at(&hosts.other, NOW_MS, &limits);
    one.set("a", b"", None).await;
    other.set("b", b"", None).await;
    one.commit().await.unwrap();
    assert_conflict(other.commit().await);
}

#[tokio::test]
async fn what_is_due_is_taken_by_one_host_until_it_is_changed_or_the_lease_ends() {
    let hosts = Hosts::with(|config| config.lease_ms = 0).await;
    let created = asking(&[&["user:ann"]]).create(hosts.one()).await;
    let named = vec![(created.tenant.clone(), created.id.clone())];
    let at_ms = NOW_MS + 60_000;
    // The other host's leases have ended when they begin.
    assert_eq!(hosts.other.due(at_ms, 10).await.unwrap(), named);
    assert_eq!(hosts.one().due(at_ms, 10).await.unwrap(), named);
    assert_eq!(hosts.one().due(at_ms, 10).await.unwrap(), named, "it is still this one's");
    assert_eq!(hosts.other.due(at_ms, 10).await.unwrap(), []);
    assert_eq!(hosts.other.next_due_ms().await.unwrap(), None);
    assert_eq!(hosts.one().next_due_ms().await.unwrap(), Some(at_ms));
    let expired = happen(hosts.one(), &created, Event::Passed { at_ms }).await.unwrap();
    assert_eq!(expired.due_at_ms(), None);
    let allowed = permitted().create(hosts.one()).await;
    let named = vec![(allowed.tenant.clone(), allowed.id.clone())];
    assert_eq!(hosts.one().due(u64::MAX, 10).await.unwrap(), named);
    assert_eq!(hosts.other.due(u64::MAX, 10).await.unwrap(), []);
    let running = happen(hosts.one(), &allowed, claim(&allowed)).await.unwrap();
    assert!(running.due_at_ms().is_some());
    assert_eq!(hosts.other.due(u64::MAX, 10).await.unwrap(), named, "a change ends a lease");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_goes_to_one_of_two_hosts_that_ask_at_once() {
    let hosts = Hosts::new().await;
    for _ in 0..20 {
        permitted().create(hosts.one()).await;
    }
    let (one, other) = tokio::join!(hosts.one().due(u64::MAX, 20), hosts.other.due(u64::MAX, 20));
    let (one, other) = (one.unwrap(), other.unwrap());
    let all: BTreeSet<_> = one.iter().chain(&other).collect();
    assert_eq!(all.len(), one.len() + other.len(), "both have taken one");
}

/// Decisions at once, every other on one host.
async fn decide(hosts: &Hosts, count: usize) -> Vec<String> {
    let mut tasks = JoinSet::new();
    for turn in 0..count {
        let (store, decision) = (hosts.of(turn), decision());
        tasks.spawn(async move {
            store.commit(decision.clone(), vec![]).await.unwrap();
            decision.id
        });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_of_both_hosts_are_found_on_each_and_whole() {
    let hosts = Hosts::new().await;
    let tenant = Tenant::default();
    let ids = decide(&hosts, 40).await;
    for store in [hosts.one(), &hosts.other] {
        for id in &ids {
            assert!(store.decision(&tenant, id).await.unwrap().is_some());
        }
        assert_eq!(store.decisions_page(&tenant, None, 100).await.unwrap().len(), 40);
        assert_eq!(store.verify(&tenant).await.unwrap().decisions, 40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_host_removes_the_decisions_of_both_while_they_decide() {
    let hosts = Hosts::new().await;
    let (tenant, before_ms) = (Tenant::default(), NOW_MS + 1);
    let removing = async {
        let mut removed = 0;
        while removed < 80 {
            removed += hosts.other.retain(&tenant, before_ms, before_ms).await.unwrap().decisions;
        }
        removed
    };
    let both = async { tokio::join!(decide(&hosts, 80), removing) };
    let (ids, removed) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!((ids.len(), removed), (80, 80));
    let again = decide(&hosts, 8).await;
    for store in [hosts.one(), &hosts.other] {
        assert_eq!(store.verify(&tenant).await.unwrap().decisions, 8);
        assert_eq!(store.decision(&tenant, &ids[0]).await.unwrap(), None);
        assert!(store.decision(&tenant, &again[0]).await.unwrap().is_some());
    }
}

/// Long after the poll's time, so that only the database's word can be it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_told_of_the_events_and_keys_of_another() {
    let hosts = Hosts::with(|config| config.poll_every = PATIENCE * 10).await;
    told_of_the_other(&hosts).await;
}

/// Faster than the database's word, or as fast.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_not_told_finds_out() {
    let hosts = Hosts::with(|config| config.poll_every = Duration::from_millis(1)).await;
    told_of_the_other(&hosts).await;
}

async fn told_of_the_other(hosts: &Hosts) {
    let (mut events, mut keys) = (hosts.other.changes(), hosts.other.key_changes());
    let before = *events.borrow_and_update();
    keys.borrow_and_update();
    let created = asking(&[&["user:ann"]]).create(hosts.one()).await;
    let read = timeout(PATIENCE, events.wait_for(|count| *count == before + 4)).await;
    read.unwrap().unwrap();
    let page = hosts.other.events_page(&Tenant::default(), None, 0, 10).await.unwrap();
    assert_eq!(page.len(), 4);
    happen(&hosts.other, &created, vote(&created, "ann")).await.unwrap();
    happen(hosts.one(), &created, cancel()).await.unwrap();
    let key = key();
    hosts.one().create_key(key.clone()).await.unwrap();
    timeout(PATIENCE, keys.changed()).await.unwrap().unwrap();
    assert_eq!(hosts.other.key(&Tenant::default(), key.id).await.unwrap(), Some(key.clone()));
    keys.borrow_and_update();
    hosts.one().revoke_key(&Tenant::default(), key.id, 7).await.unwrap();
    timeout(PATIENCE, keys.changed()).await.unwrap().unwrap();
    let kept = hosts.other.keys(&Tenant::default()).await.unwrap();
    assert_eq!(kept[0].revoked_at_ms, Some(7));
}

fn key() -> Key {
    let principal = Principal {
        tenant: Tenant::default(),
        person: "Ann".parse().unwrap(),
        roles: BTreeSet::from([Role::Operator]),
        groups: BTreeSet::new(),
    };
    Key {
        id: KeyId::of_random([1; KEY_ID_LENGTH]),
        principal: Arc::new(principal),
        secret: Digest::of([1]),
        created_at_ms: 1,
        expires_at_ms: None,
        revoked_at_ms: None,
    }
}
