//! Events: every fact, in one order a tenant, each in its place.

use tokio::task::JoinSet;
use writ_core::chain::Head;
use writ_core::{Digest, Tenant, Verifier};
use writ_store::Store;

use super::flow::{asking, claim, happen, permitted, report, tenant, vote};

async fn facts(store: &Store, execution: Option<&str>) -> Vec<String> {
    let events = store.events_page(&Tenant::default(), execution, 0, 1_000).await.unwrap();
    let kind = |fact| serde_json::to_value(fact).unwrap()["kind"].as_str().unwrap().to_owned();
    events.into_iter().map(|event| kind(event.fact)).collect()
}

pub async fn events_tell_what_has_happened(store: &Store) {
    let asked = asking(&[&["user:ann"]]).create(store).await;
    let other = permitted().create(store).await;
    let allowed = happen(store, &asked, vote(&asked, "ann")).await.unwrap();
    let first = [
        "execution.received",
        "execution.decided",
        "execution.awaiting-approval",
        "approval.asked",
    ];
    let second = ["execution.received", "execution.decided", "execution.allowed"];
    let third = ["approval.voted", "approval.ended", "execution.allowed"];
    assert_eq!(facts(store, None).await, [&first[..], &second, &third].concat());
    assert_eq!(facts(store, Some(&asked.id)).await, [&first[..], &third].concat());
    assert_eq!(facts(store, Some(&other.id)).await, second);
    let last = store.events_page(&Tenant::default(), None, 9, 10).await.unwrap().remove(0);
    assert_eq!((last.sequence, last.version, &last.execution), (10, 2, &allowed.id));
    assert_eq!(last.state, Digest::of(allowed.canonical()));
    let page = store.events_page(&Tenant::default(), None, 2, 3).await.unwrap();
    assert_eq!(page.iter().map(|event| event.sequence).collect::<Vec<_>>(), [3, 4, 5]);
}

pub async fn each_tenant_has_a_chain_without_a_gap(store: &Store) {
    let tenants = ["default", "a", "b"];
    let mut tasks = JoinSet::new();
    for task in 0..48 {
        let store = store.clone();
        tasks.spawn(async move {
            let created = permitted().of(tenants[task % 3], "app").create(&store).await;
            happen(&store, &created, claim(&created)).await.unwrap();
            happen(&store, &created, report()).await.unwrap();
        });
    }
    tasks.join_all().await;
    for name in tenants {
        let mut verifier = Verifier::new(tenant(name));
        let events = store.events_page(&tenant(name), None, 0, 1_000).await.unwrap();
        events.iter().for_each(|event| verifier.take(event).unwrap());
        assert_eq!(events.len(), 16 * 5);
        let Head { sequence, hash, .. } = verifier.head();
        assert_eq!((*sequence, *hash), (80, events.last().unwrap().hash));
    }
}

pub async fn whoever_watches_is_told_of_events_that_can_be_read(store: &Store) {
    let mut changes = store.changes();
    let seen = *changes.borrow_and_update();
    let watching = tokio::spawn({
        let store = store.clone();
        async move {
            let mut last = 0;
            while last < 12 {
                changes.changed().await.unwrap();
                let told = *changes.borrow_and_update() - seen;
                let page = store.events_page(&Tenant::default(), None, last, 100).await.unwrap();
                last += page.len() as u64;
                assert!(last >= told, "{told} were told, {last} can be read");
            }
        }
    });
    for _ in 0..4 {
        permitted().create(store).await;
    }
    watching.await.unwrap();
}
