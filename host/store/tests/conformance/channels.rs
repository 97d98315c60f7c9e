//! Channels: one holder at a time, a place that never goes back, and what could not be told.

use writ_core::{Digest, Tenant};
use writ_store::{
    AnswerLink, AskedOf, ChannelId, ChannelLease, DeadLetter, Store, Told, Unsent, Untold,
};

use super::evaluation::NOW_MS;
use super::flow::{asking, cancel, happen, permitted, person, tenant};

fn channel(tenant: Tenant, name: &str) -> ChannelId {
    ChannelId { tenant, name: name.parse().unwrap() }
}

fn ops() -> ChannelId {
    channel(Tenant::default(), "ops")
}

async fn next(store: &Store, channel: &ChannelId) -> u64 {
    store.channel(channel).await.unwrap().unwrap().next
}

async fn lease(store: &Store, holder: &str, now_ms: u64) -> Option<ChannelLease> {
    store.lease_channel(&ops(), holder, now_ms, now_ms + 10).await.unwrap()
}

async fn advance(store: &Store, lease: &ChannelLease, next: u64, dead: Option<&str>) -> bool {
    let given_up = dead.map(|id| {
        let DeadLetter { id, attempts, error, at_ms, .. } = letter(id, next - 1);
        Untold { id, sequence: next - 1, attempts, error, at_ms }
    });
    store.advance_channel(lease, Told { next, given_up }).await.unwrap()
}

fn letter(id: &str, sequence: u64) -> DeadLetter {
    let ChannelId { tenant, name } = ops();
    let unsent = Unsent::Event { channel: name, sequence };
    let error = "the receiver answers 410".to_owned();
    DeadLetter { id: id.into(), tenant, unsent, attempts: 1, error, at_ms: 7 }
}

async fn letters(store: &Store) -> Vec<String> {
    let page = store.dead_letters_page(&Tenant::default(), None, 100).await.unwrap();
    page.into_iter().map(|letter| letter.id).collect()
}

pub async fn a_channel_begins_with_what_happens_next_and_stays_where_it_is(store: &Store) {
    assert_eq!(store.channel(&ops()).await.unwrap(), None);
    permitted().create(store).await;
    store.open_channel(&ops()).await.unwrap();
    permitted().create(store).await;
    store.open_channel(&ops()).await.unwrap();
    assert_eq!(next(store, &ops()).await, 4);
    let other = channel(tenant("other"), "ops");
    store.open_channel(&other).await.unwrap();
    assert_eq!(next(store, &other).await, 1);
}

pub async fn one_holder_at_a_time_has_a_channel(store: &Store) {
    assert_eq!(lease(store, "a", 100).await, None, "nobody has opened it");
    store.open_channel(&ops()).await.unwrap();
    let first = lease(store, "a", 100).await.unwrap();
    assert_eq!(lease(store, "b", 109).await, None);
    assert!(store.renew_channel(&first, 120).await.unwrap());
    assert_eq!(lease(store, "b", 119).await, None);
    let second = lease(store, "b", 120).await.unwrap();
    assert!(second.fence > first.fence);
    assert!(!store.renew_channel(&first, 999).await.unwrap());
    assert!(!advance(store, &first, 9, Some("a")).await);
    assert_eq!((next(store, &ops()).await, letters(store).await.len()), (1, 0));
    assert!(advance(store, &second, 2, None).await);
    assert!(store.renew_channel(&second, 0).await.unwrap(), "it is given back");
    assert!(lease(store, "a", 121).await.is_some());
}

pub async fn a_channel_never_goes_back(store: &Store) {
    store.open_channel(&ops()).await.unwrap();
    let lease = lease(store, "a", 100).await.unwrap();
    for (to, expected) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
        assert!(advance(store, &lease, to, None).await);
        assert_eq!(next(store, &ops()).await, expected);
    }
}

pub async fn a_dead_letter_is_kept_once_with_the_place(store: &Store) {
    store.open_channel(&ops()).await.unwrap();
    let lease = lease(store, "a", 100).await.unwrap();
    for id in ["a", "b", "c"] {
        // The second time it is not told by a crash, but by whoever heard no answer.
        assert!(advance(store, &lease, 2, Some(id)).await);
    }
    assert!(advance(store, &lease, 3, Some("d")).await);
    assert_eq!(letters(store).await, ["d", "a"]);
    let before = store.dead_letters_page(&Tenant::default(), Some("d"), 1).await.unwrap();
    assert_eq!(before, [letter("a", 1)]);
    assert_eq!(store.dead_letters_page(&tenant("other"), None, 9).await.unwrap(), []);
    let again = DeadLetter { attempts: 4, at_ms: 9, error: "no".into(), ..letter("a", 1) };
    store.keep_dead_letter(again.clone()).await.unwrap();
    let found = store.dead_letter(&Tenant::default(), "a").await.unwrap();
    assert_eq!(found, Some(again));
    store.remove_dead_letter(&tenant("other"), "a").await.unwrap();
    store.remove_dead_letter(&Tenant::default(), "d").await.unwrap();
    assert_eq!(letters(store).await, ["a"]);
}

fn asked(execution: &str, stage: usize) -> AskedOf {
    AskedOf { execution: execution.into(), approval: "a".into(), stage }
}

fn link(text: &str, asked: AskedOf) -> AnswerLink {
    let (token, person) = (Digest::of(text), person("Ann"));
    AnswerLink { token, channel: ops(), asked, person }
}

pub async fn a_link_is_found_by_its_digest_and_tells_whose_letter_was_taken(store: &Store) {
    let first = link("first", asked("e", 0));
    let again = link("again", asked("e", 0));
    for link in [&first, &again] {
        store.keep_answer_link(link.clone()).await.unwrap();
    }
    let tenant_of = Tenant::default();
    assert_eq!(store.answer_link(&tenant_of, &first.token).await.unwrap(), Some(first.clone()));
    assert_eq!(store.answer_link(&tenant_of, &Digest::of("other")).await.unwrap(), None);
    assert_eq!(store.answer_link(&tenant("other"), &first.token).await.unwrap(), None);
    let sent = async |channel: ChannelId, asked: AskedOf| {
        store.sent_answer_links(&channel, &asked).await.unwrap()
    };
    assert_eq!(sent(ops(), asked("e", 0)).await, []);
    store.answer_link_sent(again.clone()).await.unwrap();
    assert_eq!(sent(ops(), asked("e", 0)).await, [person("ann")]);
    assert_eq!(store.answer_link(&tenant_of, &again.token).await.unwrap(), Some(again));
    assert_eq!(sent(ops(), asked("e", 1)).await, []);
    assert_eq!(sent(ops(), asked("other", 0)).await, []);
    assert_eq!(sent(channel(Tenant::default(), "other"), asked("e", 0)).await, []);
    assert_eq!(sent(channel(tenant("other"), "ops"), asked("e", 0)).await, []);
}

pub async fn a_link_goes_with_its_execution(store: &Store) {
    let ended = asking(&[&["user:ann"]]).create(store).await;
    happen(store, &ended, cancel()).await.unwrap();
    let stays = asking(&[&["user:ann"]]).create(store).await;
    let [gone, kept] =
        [&ended, &stays].map(|execution| link(&execution.id, asked(&execution.id, 0)));
    for link in [&gone, &kept] {
        store.keep_answer_link(link.clone()).await.unwrap();
    }
    let removed = store.retain(&Tenant::default(), NOW_MS + 1_000, NOW_MS + 1_000).await.unwrap();
    assert_eq!(removed.executions, 1);
    let is_there = async |link: &AnswerLink| {
        store.answer_link(&Tenant::default(), &link.token).await.unwrap().is_some()
    };
    assert!(!is_there(&gone).await);
    assert!(is_there(&kept).await);
}
