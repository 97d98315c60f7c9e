//! Retention: what ended long ago goes, with all that belongs to it, and the chain stays whole.

use tokio::task::JoinSet;
use writ_core::chain::Anchor;
use writ_core::execution::Retry;
use writ_core::execution::{Denied, Event, Fact, Ruling};
use writ_core::ports::{About, Window};
use writ_core::{Execution, Tenant};
use writ_store::{
    ApprovalFilter, ChannelId, CreateError, Created, ExecutionFilter, Holder, Removed, Store, Told,
    Untold,
};

use super::evaluation::{NOW_MS, decision};
use super::flow::{
    Flow, asking, cancel, claim, grounds, happen, permitted, person, report, request, tenant, vote,
};
use super::journal;

/// All that these tests do is over by then.
const LATER_MS: u64 = NOW_MS + 1_000;

async fn retain(store: &Store, before_ms: u64) -> Removed {
    store.retain(&Tenant::default(), before_ms, LATER_MS).await.unwrap()
}

/// An execution that has ended: 5 events, the last two steps at `NOW_MS + 1`.
async fn done(store: &Store) -> Execution {
    let created = permitted().create(store).await;
    happen(store, &created, claim(&created)).await.unwrap();
    happen(store, &created, report()).await.unwrap()
}

/// One that ends as it begins: 3 events.
fn denied() -> Flow {
    let denied = Denied { code: "denied-by-policy".into(), reasons: Vec::new() };
    Flow { ruling: Ruling::Denied(denied), ..permitted() }
}

async fn is_there(store: &Store, execution: &Execution) -> bool {
    store.execution(&execution.tenant, &execution.id).await.unwrap().is_some()
}

async fn kinds(store: &Store) -> Vec<&'static str> {
    let events = store.events_page(&Tenant::default(), None, 0, 1_000).await.unwrap();
    events.iter().map(|event| event.fact.kind()).collect()
}

async fn anchor(store: &Store) -> Anchor {
    store.verify(&Tenant::default()).await.unwrap().anchor
}

pub async fn what_ended_long_ago_goes_with_all_that_belongs_to_it(store: &Store) {
    let created = permitted().with_key("k", "body").created();
    let (first, key) = (created.execution.clone(), created.idempotency[0].clone());
    let grounds = grounds(store, "n").await;
    let decided = grounds.decision.id.clone();
    store.create(created, Some(grounds)).await.unwrap();
    happen(store, &first, cancel()).await.unwrap();
    let asked = asking(&[&["user:ann"]]).create(store).await;
    let voted = happen(store, &asked, vote(&asked, "ann")).await.unwrap();
    happen(store, &voted, cancel()).await.unwrap();
    store.commit(decision(), vec![]).await.unwrap();
    let other = denied().of("other", "app").create(store).await;
    let events = kinds(store).await.len() as u64;

    let removed = retain(store, LATER_MS).await;
    let expected = Removed { executions: 2, approvals: 1, events, decisions: 2, ..removed.clone() };
    assert_eq!((&removed, removed.is_more, removed.held_by.clone()), (&expected, false, None));
    let tenant = Tenant::default();
    assert!(!is_there(store, &first).await && !is_there(store, &asked).await);
    assert!(is_there(store, &other).await, "it is another tenant's");
    assert_eq!(store.repeated(&tenant, &key).await.unwrap(), None);
    assert_eq!(store.decision(&tenant, &decided).await.unwrap(), None);
    let approval = &asked.approvals[0].id;
    assert_eq!(store.execution_of_approval(&tenant, approval).await.unwrap(), None);
    let ended = store.approvals_page(&tenant, &ApprovalFilter::Ended, None, 9).await.unwrap().items;
    assert!(ended.is_empty(), "{ended:?}");
    let window = Window { since_ms: 0, limit: 9 };
    let history = store.approval_reader().recent(&About::of(&tenant, &request()), window).await;
    assert!(history.unwrap().is_empty());
    // The key is free again.
    permitted().with_key("k", "other").create(store).await;
    let stats = store.stats();
    assert_eq!((stats.swept_executions, stats.swept_events, stats.swept_decisions), (2, events, 2));
}

pub async fn a_journal_goes_with_its_execution(store: &Store) {
    let (running, run) = journal::running(store).await;
    store.record(&run, &[journal::entry(0)], Vec::new()).await.unwrap();
    assert_eq!(retain(store, LATER_MS).await.events, 0, "it runs");
    happen(store, &running, report()).await.unwrap();
    assert_eq!(retain(store, LATER_MS).await.executions, 1);
    assert_eq!(store.journal(&running.tenant, &running.id).await.unwrap(), []);
}

pub async fn the_chain_tells_what_was_removed_and_goes_on(store: &Store) {
    done(store).await;
    let before = store.verify(&Tenant::default()).await.unwrap();
    assert_eq!(before.anchor, Anchor::start(Tenant::default()));
    retain(store, LATER_MS).await;
    let after = store.verify(&Tenant::default()).await.unwrap();
    assert_eq!(after.anchor, Anchor { head: before.head.clone(), until_ms: LATER_MS });
    assert_eq!((after.head.sequence, after.executions), (before.head.sequence + 1, 0));
    let told = store.events_page(&Tenant::default(), None, 0, 9).await.unwrap().remove(0);
    let swept = Fact::Swept {
        until_ms: LATER_MS,
        after: 0,
        to: 5,
        hash: before.head.hash,
        executions: 1,
        approvals: 0,
        events: 5,
        decisions: 0,
        dead_letters: 0,
        strands: Vec::new(),
    };
    assert_eq!((told.sequence, told.at_ms, told.execution.as_str()), (6, LATER_MS, ""));
    assert_eq!(told.fact, swept);
    denied().create(store).await;
    assert_eq!(retain(store, LATER_MS + 1).await.executions, 1);
    // The event of the first removal has gone as well; the second one's vouches alone.
    assert_eq!(kinds(store).await, ["retention.swept"]);
    assert_eq!(anchor(store).await.head.sequence, 9);
    done(store).await;
    assert_eq!(anchor(store).await.head.sequence, 9);
}

pub async fn what_is_not_old_enough_or_has_not_ended_stays(store: &Store) {
    let first = denied().create(store).await;
    let live = permitted().create(store).await;
    let last = denied().create(store).await;
    // Its first events are old, its last one is not.
    assert_eq!(retain(store, NOW_MS).await, Removed::default());
    assert_eq!(kinds(store).await.len(), 9, "nothing tells that nothing was removed");
    let removed = retain(store, NOW_MS + 1).await;
    let held_by = Some(Holder::Execution(live.id.clone()));
    assert_eq!((removed.executions, removed.events, removed.held_by), (1, 3, held_by.clone()));
    assert!(!is_there(store, &first).await);
    assert!(is_there(store, &live).await && is_there(store, &last).await);
    let again = retain(store, NOW_MS + 1).await;
    assert_eq!(again, Removed { held_by, ..Removed::default() });
    happen(store, &live, claim(&live)).await.unwrap();
    let unknown = Event::Passed { at_ms: NOW_MS + 60_000 };
    let unknown = happen(store, &live, unknown).await.unwrap();
    assert_eq!(unknown.status.name(), "unknown");
    assert_eq!(retain(store, LATER_MS + 1).await.executions, 0, "unknown is no end");
    happen(store, &live, report()).await.unwrap();
    assert_eq!(retain(store, NOW_MS + 1).await.executions, 0, "it ended not long ago");
    assert_eq!(retain(store, LATER_MS + 1).await.executions, 2);
    anchor(store).await;
}

pub async fn what_a_channel_has_not_told_stays(store: &Store) {
    let channel = ChannelId { tenant: Tenant::default(), name: "ops".parse().unwrap() };
    store.open_channel(&channel).await.unwrap();
    let (first, last) = (denied().create(store).await, denied().create(store).await);
    let held = retain(store, LATER_MS).await;
    let of_channel = Some(Holder::Channel("ops".into()));
    assert_eq!((held.events, held.held_by), (0, of_channel.clone()));
    let lease = store.lease_channel(&channel, "a", 1, 10).await.unwrap().unwrap();
    store.advance_channel(&lease, Told { next: 6, given_up: None }).await.unwrap();
    // It has told the first execution's events, and two of the last one's.
    let removed = retain(store, LATER_MS).await;
    assert_eq!((removed.executions, removed.events, removed.held_by), (1, 5, of_channel));
    assert!(!is_there(store, &first).await && is_there(store, &last).await);
    anchor(store).await;
    let (id, error) = ("a".to_owned(), "the receiver answers 410".to_owned());
    let dead = Untold { id, sequence: 6, attempts: 1, error, at_ms: LATER_MS };
    let told = Told { next: 8, given_up: Some(dead) };
    store.advance_channel(&lease, told).await.unwrap();
    let held = retain(store, LATER_MS).await;
    assert_eq!((held.events, held.held_by), (0, Some(Holder::DeadLetter("a".into()))));
    let removed = retain(store, LATER_MS + 1).await;
    assert_eq!((removed.executions, removed.dead_letters), (1, 1));
    assert_eq!(store.dead_letter(&channel.tenant, "a").await.unwrap(), None);
    anchor(store).await;
}

pub async fn much_goes_a_little_at_a_time_while_others_read(store: &Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..240 {
        let store = store.clone();
        tasks.spawn(async move { drop(done(&store).await) });
    }
    tasks.join_all().await;
    let live = permitted().create(store).await;
    let filter = ExecutionFilter::default();
    let tenant = Tenant::default();
    let page = store.executions_page(&tenant, &filter, None, 100).await.unwrap().items;
    let (mut steps, mut executions) = (0, 0);
    loop {
        let removed = retain(store, LATER_MS).await;
        assert!(removed.events <= 512, "{removed:?}");
        (steps, executions) = (steps + 1, executions + removed.executions);
        // Whole after each, also for whoever turns a page that was begun before.
        let verified = store.verify(&tenant).await.unwrap();
        assert_eq!(verified.executions, 241 - executions);
        let before = page.last().map(|last| last.id.as_str());
        store.executions_page(&tenant, &filter, before, 100).await.unwrap();
        if !removed.is_more {
            break;
        }
    }
    assert_eq!((steps, executions), (3, 240));
    assert!(is_there(store, &live).await);
    let left = store.executions_page(&tenant, &filter, None, 100).await.unwrap().items;
    assert_eq!(left, [live]);
}

pub async fn several_that_sweep_at_once_remove_each_thing_once(store: &Store) {
    let mut tasks = JoinSet::new();
    for turn in 0..160 {
        let store = store.clone();
        tasks.spawn(async move {
            match turn % 8 {
                0 => retain(&store, LATER_MS).await.executions,
                _ => {
                    done(&store).await;
                    0
                }
            }
        });
    }
    let mut executions: u64 = tasks.join_all().await.into_iter().sum();
    while let removed = retain(store, LATER_MS).await
        && removed.events > 0
    {
        executions += removed.executions;
    }
    assert_eq!(executions, 140);
    assert_eq!(store.verify(&Tenant::default()).await.unwrap().executions, 0);
}

pub async fn what_tells_of_removals_alone_leaves_nothing_new(store: &Store) {
    denied().create(store).await;
    retain(store, LATER_MS).await;
    for _ in 0..2 {
        assert_eq!(retain(store, u64::MAX).await, Removed::default());
    }
    assert_eq!(kinds(store).await, ["retention.swept"]);
    assert_eq!(store.retain(&tenant("nobody"), u64::MAX, 1).await.unwrap(), Removed::default());
}

pub async fn decisions_go_by_their_age_alone(store: &Store) {
    for received_at_ms in [NOW_MS, NOW_MS + 5] {
        let decision = writ_core::DecisionRecord { received_at_ms, ..decision() };
        store.commit(decision, vec![]).await.unwrap();
    }
    let removed = retain(store, NOW_MS + 5).await;
    assert_eq!(removed, Removed { decisions: 1, ..Removed::default() });
    let left = store.decisions_page(&Tenant::default(), None, 9).await.unwrap();
    assert_eq!(left.iter().map(|left| left.received_at_ms).collect::<Vec<_>>(), [NOW_MS + 5]);
    // No event has gone, and the one that tells of it vouches for the start.
    assert_eq!((kinds(store).await.len(), anchor(store).await.head.sequence), (1, 0));
}

pub async fn decisions_go_on_where_all_before_have_gone(store: &Store) {
    for round in 1..=3 {
        for _ in 0..3 {
            store.commit(decision(), vec![]).await.unwrap();
        }
        assert_eq!(retain(store, LATER_MS).await.decisions, 3);
        let verified = store.verify(&Tenant::default()).await.unwrap();
        assert_eq!(verified.decisions, 0, "round {round}");
        // Another removal, of something else, vouches for the same.
        denied().create(store).await;
        // What told of the removal is from `LATER_MS`, and goes too.
        assert_eq!(retain(store, LATER_MS + 1).await.executions, 1);
        store.verify(&Tenant::default()).await.unwrap();
    }
    let last = decision();
    store.commit(last.clone(), vec![]).await.unwrap();
    assert_eq!(store.verify(&Tenant::default()).await.unwrap().decisions, 1);
    assert!(store.decision(&Tenant::default(), &last.id).await.unwrap().is_some());
}

/// A retry of one that has ended.
fn retry_of(ended: &Execution) -> Created {
    let created = permitted().created();
    let retry = Retry { of: ended.id.clone(), by: person("op") };
    let execution = created.execution.retrying(retry);
    Created { execution, retries: Some(Box::new(ended.clone())), ..created }
}

pub async fn a_retry_is_told_of_on_both_and_keeps_what_it_retries(store: &Store) {
    let ended = denied().create(store).await;
    let created = retry_of(&ended);
    let retry = created.execution.clone();
    store.create(created, None).await.unwrap();
    let of = |execution: &Execution| {
        let (store, id) = (store.clone(), execution.id.clone());
        async move { store.events_page(&Tenant::default(), Some(&id), 0, 9).await.unwrap() }
    };
    let told = of(&ended).await.pop().unwrap();
    let retried = Fact::Retried { by: person("op"), retry: retry.id.clone() };
    assert_eq!((told.sequence, told.version, told.fact), (4, ended.version, retried));
    assert_eq!(of(&retry).await.first().unwrap().sequence, 5);
    assert_eq!(store.execution(&Tenant::default(), &ended.id).await.unwrap(), Some(ended.clone()));
    anchor(store).await;
    // The last event that tells of what was retried is before the first of the retry, which lives.
    let removed = retain(store, LATER_MS).await;
    assert_eq!((removed.executions, removed.events), (1, 4));
    anchor(store).await;
    let gone = store.create(retry_of(&ended), None).await;
    assert!(matches!(gone, Err(CreateError::Commit(_))), "{gone:?}");
    anchor(store).await;
}

pub async fn what_is_retried_while_it_is_swept_is_there_or_not_retried(store: &Store) {
    for round in 0..8 {
        let ended = denied().create(store).await;
        let (one, two) = (store.clone(), store.clone());
        let retrying = tokio::spawn({
            let created = retry_of(&ended);
            async move { one.create(created, None).await.is_ok() }
        });
        let sweeping = tokio::spawn(async move { retain(&two, LATER_MS + 1).await });
        let (is_retried, removed) = (retrying.await.unwrap(), sweeping.await.unwrap());
        let is_there = is_there(store, &ended).await;
        assert!(is_there || !is_retried || removed.executions > 0, "round {round}");
        anchor(store).await;
        while retain(store, LATER_MS + 1).await.events > 0 {}
        let filter = ExecutionFilter { status: Some("allowed".into()), ..Default::default() };
        for live in store.executions_page(&Tenant::default(), &filter, None, 9).await.unwrap().items
        {
            happen(store, &live, cancel()).await.unwrap();
        }
        while retain(store, LATER_MS + 1).await.events > 0 {}
        assert_eq!(store.verify(&Tenant::default()).await.unwrap().executions, 0);
    }
}
