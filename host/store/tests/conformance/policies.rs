//! Versions of policy sets: numbered, never changed, and one of them decides.

use writ_core::chain::Evidence;
use writ_core::execution::Fact;
use writ_core::{Digest, Tenant};
use writ_store::{
    ActiveSet, Chosen, ComponentSignature, KeptVersion, KnownRollout, NewComponent, NewRollout,
    NewSet, NewSignatures, NewVersion, NotBegun, Occasion, RolloutEnd, RolloutStop, SetChange,
    Store, StoredComponent,
};

use super::flow::tenant;

fn set(text: &str) -> Chosen {
    Chosen::Set(Box::new(new_set(text)))
}

fn new_set(text: &str) -> NewSet {
    let bytes = b"the same component".to_vec();
    let component = StoredComponent { digest: Digest::of(&bytes), bytes, report: "{}".into() };
    let (policy_set, document) = (Digest::of(text), text.to_owned());
    NewSet { policy_set, document, components: vec![component] }
}

/// What leads to a change at some time.
fn occasion(at_ms: u64) -> Occasion {
    let (trigger, by) = ("request".to_owned(), Some("Ann".parse().unwrap()));
    Occasion { trigger, by, comment: format!("why\0 {at_ms}") }
}

async fn activate(store: &Store, tenant: &Tenant, chosen: Chosen, at_ms: u64) -> Option<u64> {
    let evidence = move |version| {
        let (policy_set, was) = (Digest::of("now"), Digest::of("before"));
        let (version, trigger, comment) = (Some(version), "file".to_owned(), String::new());
        let fact = Fact::SetActivated { policy_set, was, version, trigger, by: None, comment };
        Some(Evidence::of_tenant(at_ms, policy_set, fact))
    };
    let files = matches!(chosen, Chosen::Set(_)).then(|| Digest::of(at_ms.to_string()));
    let tenant = tenant.clone();
    let (occasion, evidence) = (occasion(at_ms), Box::new(evidence));
    let (promotes, overtakes) = (ending("promoted", at_ms), ending("overtaken", at_ms));
    let only_if = None;
    let change = SetChange {
        tenant,
        chosen,
        files,
        occasion,
        at_ms,
        only_if,
        promotes,
        overtakes,
        evidence,
    };
    store.activate_set(change).await.unwrap()
}

/// How a rollout ends, and what the chain tells of it.
fn ending(because: &'static str, at_ms: u64) -> RolloutEnd {
    let evidence = move |known: &KnownRollout| {
        let (version, policy_set) = (known.number, Digest::of("now"));
        let (how, because) = (known.plan.clone(), because.to_owned());
        let (detail, by, comment) = (None, None, String::new());
        let fact = Fact::RolloutEnded { version, policy_set, how, because, detail, by, comment };
        Some(Evidence::of_tenant(at_ms, policy_set, fact))
    };
    RolloutEnd { ended: format!("{{\"because\":\"{because}\"}}"), evidence: Box::new(evidence) }
}

async fn roll_out(store: &Store, tenant: &Tenant, number: u64, at_ms: u64) -> Option<u64> {
    roll_out_within(store, tenant, (number, None), at_ms).await.ok()
}

async fn roll_out_within(
    store: &Store,
    tenant: &Tenant,
    (number, within): (u64, Option<u64>),
    at_ms: u64,
) -> Result<u64, NotBegun> {
    let (policy_set, share) = (Digest::of("now"), "5%".to_owned());
    let (how, by, comment) = (String::new(), None, String::new());
    let (version, plan) = (number, None);
    let fact = Fact::RolloutStarted { version, policy_set, how, share, plan, by, comment };
    let new = NewRollout {
        tenant: tenant.clone(),
        number,
        within,
        plan: "plan\0".to_owned(),
        occasion: occasion(at_ms),
        at_ms,
        evidence: Evidence::of_tenant(at_ms, policy_set, fact),
        replaces: ending("replaced", at_ms),
    };
    store.begin_rollout(new).await.unwrap()
}

async fn stop(store: &Store, tenant: &Tenant, id: u64) -> bool {
    let stop = RolloutStop { tenant: tenant.clone(), id, end: ending("stopped", 9) };
    store.end_rollout(stop).await.unwrap()
}

/// What the chain tells of rollouts: that one began, or why one ended.
async fn rolled(store: &Store, tenant: &Tenant) -> Vec<(u64, String)> {
    let events = store.events_page(tenant, None, 0, 100).await.unwrap();
    let told = events.into_iter().filter_map(|event| match event.fact {
        Fact::RolloutStarted { version, .. } => Some((version, "started".to_owned())),
        Fact::RolloutEnded { version, because, .. } => Some((version, because)),
        _ => None,
    });
    told.collect()
}

pub async fn one_version_is_rolled_out_at_a_time(store: &Store) {
    let (of, other) = (Tenant::default(), tenant("other"));
    for (at_ms, text) in [(1, "a"), (2, "b")] {
        activate(store, &of, set(text), at_ms).await;
    }
    assert_eq!(store.rollout(&of).await.unwrap(), None);
    assert_eq!(roll_out(store, &of, 3, 3).await, None);
    assert_eq!(roll_out(store, &of, 1, 3).await, Some(1));
    let known = store.rollout(&of).await.unwrap().unwrap();
    let (plan, occasion) = ("plan\0".to_owned(), occasion(3));
    let (id, number, within) = (1, 1, None);
    let expected = KnownRollout { id, number, within, plan, occasion, at_ms: 3, ended: None };
    assert_eq!(known, expected);
    // Another takes its place, and the first is over for whoever still wants to end it.
    assert_eq!(roll_out(store, &of, 1, 4).await, Some(2));
    assert!(!stop(store, &of, 1).await);
    assert!(stop(store, &of, 2).await && !stop(store, &of, 2).await);
    let known = store.rollout(&of).await.unwrap().unwrap();
    let ended = Some("{\"because\":\"stopped\"}".to_owned());
    assert_eq!((known.id, known.goes_on(), known.ended), (2, false, ended));
    assert_eq!(roll_out(store, &of, 1, 5).await, Some(3));
    let told = ["started", "replaced", "started", "stopped", "started"];
    assert_eq!(rolled(store, &of).await, told.map(|why| (1, why.to_owned())));
    assert_eq!(store.rollout(&other).await.unwrap(), None);
    store.verify(&of).await.unwrap();
}

pub async fn a_version_that_decides_is_rolled_out_no_more(store: &Store) {
    let of = Tenant::default();
    for (at_ms, text) in [(1, "a"), (2, "b"), (3, "c")] {
        activate(store, &of, set(text), at_ms).await;
    }
    roll_out(store, &of, 1, 4).await;
    // Another version that decides does not end it.
    activate(store, &of, Chosen::Version(2), 5).await;
    assert!(store.rollout(&of).await.unwrap().unwrap().goes_on());
    activate(store, &of, Chosen::Version(1), 6).await;
    assert!(!store.rollout(&of).await.unwrap().unwrap().goes_on());
    let told = rolled(store, &of).await;
    assert_eq!(told, ["started", "promoted"].map(|why| (1, why.to_owned())));
    store.verify(&of).await.unwrap();
}

pub async fn a_rollout_within_a_version_ends_with_it(store: &Store) {
    let of = Tenant::default();
    for (text, at_ms) in [("c", 1), ("b", 2), ("a", 3)] {
        activate(store, &of, set(text), at_ms).await;
    }
    let begin = async |number, within| roll_out_within(store, &of, (number, within), 4).await;
    assert_eq!(begin(9, None).await, Err(NotBegun::NoSuchVersion));
    assert_eq!(begin(3, None).await, Err(NotBegun::Decides));
    assert_eq!(begin(1, Some(2)).await, Err(NotBegun::Overtaken));
    assert_eq!(begin(1, Some(3)).await, Ok(1));
    let known = store.rollout(&of).await.unwrap().unwrap();
    assert_eq!((known.number, known.within, known.goes_on()), (1, Some(3), true));
    // The same once more changes nothing.
    activate(store, &of, Chosen::Version(3), 5).await;
    assert!(store.rollout(&of).await.unwrap().unwrap().goes_on());
    activate(store, &of, Chosen::Version(2), 6).await;
    let ended = store.rollout(&of).await.unwrap().unwrap().ended.unwrap();
    assert_eq!(ended, "{\"because\":\"overtaken\"}");
    // One that may be beside any version goes on.
    assert_eq!(begin(1, None).await, Ok(2));
    activate(store, &of, Chosen::Version(3), 7).await;
    assert!(store.rollout(&of).await.unwrap().unwrap().goes_on());
    store.verify(&of).await.unwrap();
}

pub async fn of_16_that_end_a_rollout_one_does(store: &Store) {
    let of = Tenant::default();
    for (at_ms, text) in [(1, "a"), (2, "b")] {
        activate(store, &of, set(text), at_ms).await;
    }
    let id = roll_out(store, &of, 1, 3).await.unwrap();
    let stops = (0..16).map(|_| {
        let (store, of) = (store.clone(), of.clone());
        tokio::spawn(async move { stop(&store, &of, id).await })
    });
    let mut ended = 0;
    for stop in stops.collect::<Vec<_>>() {
        ended += u32::from(stop.await.unwrap());
    }
    assert_eq!((ended, rolled(store, &of).await.len()), (1, 2));
    store.verify(&of).await.unwrap();
}

async fn told(store: &Store, tenant: &Tenant) -> Vec<Option<u64>> {
    let events = store.events_page(tenant, None, 0, 100).await.unwrap();
    let versions = events.into_iter().filter_map(|event| match event.fact {
        Fact::SetActivated { version, .. } => Some(version),
        _ => None,
    });
    versions.collect()
}

pub async fn versions_are_numbered_and_one_decides(store: &Store) {
    let of = Tenant::default();
    assert_eq!(store.active_set(&of).await.unwrap(), None);
    assert_eq!(activate(store, &of, set("a"), 1).await, Some(1));
    assert_eq!(activate(store, &of, set("b"), 2).await, Some(2));
    let active = store.active_set(&of).await.unwrap().unwrap();
    let (files, occasion) = (Some(Digest::of("2")), occasion(2));
    assert_eq!(active, ActiveSet { number: 2, previous: Some(1), files, at_ms: 2, occasion });

    let page = store.set_versions(&of, None, 100).await.unwrap();
    assert_eq!(page.iter().map(|version| version.number).collect::<Vec<_>>(), [2, 1]);
    let page = store.set_versions(&of, Some(2), 100).await.unwrap();
    assert_eq!(page.len(), 1);
    let one = store.set_version(&of, 1).await.unwrap().unwrap();
    assert_eq!(one, page[0]);
    assert_eq!((one.document.as_str(), one.created_ms), ("a", 1));
    assert_eq!(one.occasion, self::occasion(1));
    assert_eq!(store.set_version_of(&of, Digest::of("a")).await.unwrap(), Some(one));
    assert_eq!(store.set_version(&of, 3).await.unwrap(), None);
    assert_eq!(told(store, &of).await, [Some(1), Some(2)]);
    store.verify(&of).await.unwrap();
}

pub async fn what_was_there_decides_again_under_its_number(store: &Store) {
    let of = Tenant::default();
    for (at_ms, text) in [(1, "a"), (2, "b")] {
        activate(store, &of, set(text), at_ms).await;
    }
    assert_eq!(activate(store, &of, Chosen::Version(1), 3).await, Some(1));
    let active = store.active_set(&of).await.unwrap().unwrap();
    // What the files said stays what they said.
    let (files, occasion) = (Some(Digest::of("2")), occasion(3));
    assert_eq!(active, ActiveSet { number: 1, previous: Some(2), files, at_ms: 3, occasion });
    // What led to the version stays, beside what led to it deciding again.
    let one = store.set_version(&of, 1).await.unwrap().unwrap();
    assert_eq!((one.occasion, one.created_ms), (self::occasion(1), 1));
    assert_eq!(activate(store, &of, set("b"), 4).await, Some(2));
    assert_eq!(activate(store, &of, set("b"), 5).await, Some(2));
    let active = store.active_set(&of).await.unwrap().unwrap();
    assert_eq!((active.number, active.previous), (2, Some(1)));
    assert_eq!(store.set_versions(&of, None, 100).await.unwrap().len(), 2);
}

pub async fn a_version_that_is_not_there_changes_nothing(store: &Store) {
    let of = Tenant::default();
    activate(store, &of, set("a"), 1).await;
    assert_eq!(activate(store, &of, Chosen::Version(2), 2).await, None);
    assert_eq!(store.active_set(&of).await.unwrap().unwrap().number, 1);
    assert_eq!(told(store, &of).await, [Some(1)]);
}

pub async fn components_are_kept_once_and_for_their_tenant_alone(store: &Store) {
    let (ours, theirs) = (Tenant::default(), tenant("other"));
    for (at_ms, text) in [(1, "a"), (2, "b")] {
        activate(store, &ours, set(text), at_ms).await;
    }
    let digest = Digest::of("the same component");
    let component = store.policy_component(&ours, digest).await.unwrap().unwrap();
    assert_eq!(
        (component.bytes.as_slice(), component.digest),
        (&b"the same component"[..], digest)
    );
    assert_eq!(store.policy_component(&theirs, digest).await.unwrap(), None);
    assert_eq!(store.set_version(&theirs, 1).await.unwrap(), None);
    assert_eq!(activate(store, &theirs, set("b"), 3).await, Some(1));
    assert_eq!(store.active_set(&ours).await.unwrap().unwrap().number, 2);
}

pub async fn a_version_is_kept_and_told_once_and_does_not_decide(store: &Store) {
    let of = Tenant::default();
    activate(store, &of, set("a"), 1).await;
    let keep = async |text: &str, at_ms| {
        let policy_set = Digest::of(text);
        let evidence = move |version| {
            let (by, comment) = (None, String::new());
            let fact = Fact::SetAdded { policy_set, version, by, comment };
            Some(Evidence::of_tenant(at_ms, policy_set, fact))
        };
        let (tenant, set, occasion) = (of.clone(), new_set(text), occasion(at_ms));
        let new = NewVersion { tenant, set, occasion, at_ms, evidence: Box::new(evidence) };
        store.keep_set(new).await.unwrap()
    };
    assert_eq!(keep("a", 2).await, KeptVersion { number: 1, is_new: false });
    assert_eq!(keep("b", 3).await, KeptVersion { number: 2, is_new: true });
    assert_eq!(keep("b", 4).await, KeptVersion { number: 2, is_new: false });
    let kept = store.set_version(&of, 2).await.unwrap().unwrap();
    assert_eq!((kept.document.as_str(), kept.created_ms), ("b", 3));
    assert_eq!(kept.occasion, occasion(3));
    assert_eq!(store.active_set(&of).await.unwrap().unwrap().number, 1);
    let events = store.events_page(&of, None, 0, 9).await.unwrap();
    let added = events.iter().filter(|event| event.fact.kind() == "policy-set.added");
    assert_eq!(added.count(), 1);
    assert_eq!(activate(store, &of, Chosen::Version(2), 5).await, Some(2));
    store.verify(&of).await.unwrap();
}

pub async fn of_16_that_come_at_once_each_has_a_number(store: &Store) {
    let of = Tenant::default();
    let sets = (0..16).map(|number| {
        let (store, of) = (store.clone(), of.clone());
        tokio::spawn(async move { activate(&store, &of, set(&(number / 2).to_string()), 1).await })
    });
    let mut numbers = Vec::new();
    for set in sets.collect::<Vec<_>>() {
        numbers.push(set.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    // Two of each: the second is the same version.
    assert_eq!(numbers, (1..=8).flat_map(|number| [number, number]).collect::<Vec<_>>());
    assert_eq!(told(store, &of).await.len(), 16);
    store.verify(&of).await.unwrap();
}

fn brought(tenant: &Tenant, bytes: &[u8]) -> NewComponent {
    let digest = Digest::of(bytes);
    let by = "Ann".parse().unwrap();
    let fact = Fact::PolicyAdded { component: digest, by, reference: None };
    NewComponent {
        tenant: tenant.clone(),
        component: StoredComponent { digest, bytes: bytes.to_vec(), report: "{\0}".into() },
        at_ms: 7,
        evidence: Evidence::of_tenant(7, digest, fact),
    }
}

pub async fn a_component_that_somebody_brings_is_kept_and_told_once(store: &Store) {
    let (of, other) = (Tenant::default(), tenant("other"));
    for (bytes, is_new) in [(b"one", true), (b"two", true), (b"one", false)] {
        assert_eq!(store.add_policy_component(brought(&of, bytes)).await.unwrap(), is_new);
    }
    let mut digests = [b"one", b"two"].map(Digest::of);
    digests.sort_by_key(|digest| *digest.as_bytes());
    let first = store.policy_components(&of, None, 1).await.unwrap();
    let rest = store.policy_components(&of, Some(first[0].digest), 9).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|known| known.digest).collect();
    assert_eq!(listed, digests);
    assert_eq!((first[0].report.as_str(), first[0].added_ms), ("{\0}", 7));
    assert_eq!(store.known_component(&of, digests[0]).await.unwrap().as_ref(), first.first());
    assert_eq!(store.known_component(&other, digests[0]).await.unwrap(), None);
    let kept = store.policy_component(&of, Digest::of(b"two")).await.unwrap().unwrap();
    assert_eq!(kept.bytes, b"two");
    let events = store.events_page(&of, None, 0, 9).await.unwrap();
    let added = events.iter().filter(|event| event.fact.kind() == "policy.added");
    assert_eq!((added.count(), events.len()), (2, 2));
    store.verify(&of).await.unwrap();
    // A set that is made of it later finds it there.
    activate(store, &of, set("a"), 8).await;
    assert_eq!(store.policy_components(&of, None, 9).await.unwrap().len(), 3);
}

pub async fn signatures_are_kept_by_key_and_listed_with_their_component(store: &Store) {
    let (of, other) = (Tenant::default(), tenant("other"));
    let signed = |bytes: &str, key: &str, text: &str| ComponentSignature {
        component: Digest::of(bytes),
        key: key.to_owned(),
        text: text.to_owned(),
    };
    let keep = async |tenant: &Tenant, signatures| {
        let new = NewSignatures { tenant: tenant.clone(), signatures, at_ms: 1 };
        store.keep_component_signatures(new).await.unwrap();
    };
    // One comes before its component does.
    keep(&of, vec![signed("one", "RW2", "b"), signed("two", "RW1", "c\0\\")]).await;
    store.add_policy_component(brought(&of, b"one")).await.unwrap();
    keep(&of, vec![signed("one", "RW1", "a"), signed("one", "RW2", "again")]).await;
    keep(&other, vec![signed("one", "RW3", "theirs")]).await;

    let kept = store.component_signatures(&of, Digest::of("one")).await.unwrap();
    assert_eq!(kept, [signed("one", "RW1", "a"), signed("one", "RW2", "again")]);
    let kept = store.component_signatures(&of, Digest::of("two")).await.unwrap();
    assert_eq!(kept, [signed("two", "RW1", "c\0\\")]);
    let known = store.known_component(&of, Digest::of("one")).await.unwrap().unwrap();
    assert_eq!(known.signed_by, ["RW1", "RW2"]);
    store.add_policy_component(brought(&of, b"three")).await.unwrap();
    let listed = store.policy_components(&of, None, 9).await.unwrap();
    let signed_by = |bytes: &str| {
        listed.iter().find(|known| known.digest == Digest::of(bytes)).unwrap().signed_by.len()
    };
    assert_eq!((signed_by("one"), signed_by("three")), (2, 0));
}
