//! The history of approvals: what people were asked about the same, as policies see it.

use writ_core::approval::ApprovalState;
use writ_core::execution::{Asking, Event, Ruling};
use writ_core::ports::{About, Window};
use writ_core::{Approval, Digest, Execution, Json, Request, Tenant};
use writ_store::Store;

use super::evaluation::{NOW_MS, decision, next_id};
use super::flow::{asking, cancel, happen, permitted, request, requirement, vote};

async fn recent_of(store: &Store, about: &About, since_ms: u64, limit: usize) -> Vec<Approval> {
    store.approval_reader().recent(about, Window { since_ms, limit }).await.unwrap()
}

/// All that people were asked about the request that flows are for.
async fn recent(store: &Store) -> Vec<Approval> {
    recent_of(store, &About::of(&Tenant::default(), &request()), 0, 100).await
}

/// Asks somebody at an instant.
async fn asked_at(store: &Store, at_ms: u64) -> Approval {
    only(asking(&[&["user:ann"]]).at(at_ms).create(store).await)
}

fn only(execution: Execution) -> Approval {
    let [approval] = <[_; 1]>::try_from(execution.approvals).unwrap();
    approval
}

pub async fn a_history_is_of_what_was_asked_newest_first(store: &Store) {
    assert_eq!(recent(store).await, []);
    let first = asked_at(store, NOW_MS).await;
    let last = asked_at(store, NOW_MS + 2).await;
    let second = asked_at(store, NOW_MS + 1).await;
    let third = asked_at(store, NOW_MS + 1).await;
    permitted().at(NOW_MS + 3).create(store).await;
    assert_eq!(recent(store).await, [last, third, second, first]);
}

pub async fn a_history_has_a_beginning_and_a_length(store: &Store) {
    let mut newest_first = Vec::new();
    for at_ms in NOW_MS..NOW_MS + 5 {
        newest_first.insert(0, asked_at(store, at_ms).await);
    }
    let about = About::of(&Tenant::default(), &request());
    for (since_ms, limit, count) in
        [(0, 5, 5), (0, 4, 4), (NOW_MS + 2, 5, 3), (NOW_MS + 2, 1, 1), (NOW_MS + 5, 5, 0)]
    {
        let found = recent_of(store, &about, since_ms, limit).await;
        assert_eq!(found, newest_first[..count], "{limit} since {since_ms}");
    }
}

pub async fn a_history_is_about_one_thing(store: &Store) {
    let changed = |change: fn(&mut Request)| {
        let mut request = request();
        change(&mut request);
        request
    };
    let requests = [
        request(),
        changed(|request| request.subject.kind = "user".into()),
        changed(|request| request.subject.id = "Bot".into()),
        changed(|request| request.action.name = "pay ".into()),
        changed(|request| request.resource.kind = "\u{e9}'\"; --".into()),
        changed(|request| request.resource.id = "e\u{301}".into()),
    ];
    for request in &requests {
        let asked = asking(&[&["user:ann"]]).about(request.clone()).create(store).await;
        let other = asking(&[&["user:ann"]]).about(request.clone()).of("other", "app");
        let other = other.create(store).await;
        for execution in [asked, other] {
            let about = About::of(&execution.tenant, request);
            assert_eq!(recent_of(store, &about, 0, 100).await, [only(execution)], "{request:?}");
        }
    }
}

pub async fn a_history_does_not_look_at_arguments(store: &Store) {
    let mut other = request();
    let object = || Json::parse(r#"{"n":1}"#).unwrap();
    other.action.properties = object();
    other.subject.properties = object();
    other.resource.properties = object();
    other.context = object();
    let asked = only(asking(&[&["user:ann"]]).about(other).create(store).await);
    assert_eq!(recent(store).await, [asked]);
}

pub async fn a_history_tells_how_approvals_stand(store: &Store) {
    let cancelled = asking(&[&["user:ann"]]).create(store).await;
    let expired = asking(&[&["user:ann"]]).create(store).await;
    let approved = asking(&[&["user:ann"]]).create(store).await;
    let pending = only(asking(&[&["user:ann"]]).create(store).await);
    let cancelled = only(happen(store, &cancelled, cancel()).await.unwrap());
    let expired = happen(store, &expired, Event::Passed { at_ms: NOW_MS + 60_000 }).await;
    let expired = only(expired.unwrap());
    let approved = only(happen(store, &approved, vote(&approved, "ann")).await.unwrap());
    assert_eq!(approved.votes.len(), 1);
    let states = [&pending, &approved, &expired, &cancelled].map(|approval| approval.state.name());
    assert_eq!(states, ["pending", "approved", "expired", "cancelled"]);
    assert_eq!(recent(store).await, [pending, approved, expired, cancelled]);
}

pub async fn a_history_has_each_approval_of_an_execution(store: &Store) {
    let execution = asking(&[&["user:ann"]]).create(store).await;
    let execution = happen(store, &execution, vote(&execution, "ann")).await.unwrap();
    assert_eq!(recent(store).await, execution.approvals);
    // Decided again before it begins, it needs somebody else's approval too.
    let asking = Asking {
        approval: next_id(),
        binding: "review".parse().unwrap(),
        requirement: requirement(&[&["user:bob"]]),
    };
    let ruling = Ruling::Asked(vec![asking]);
    let (decision, at_ms) = (decision().id, NOW_MS + 2);
    let again = Event::Decided {
        policy_set: Digest::of("set"),
        decision,
        ruling,
        request: request(),
        at_ms,
    };
    let execution = happen(store, &execution, again).await.unwrap();
    let [first, second] = <[_; 2]>::try_from(execution.approvals).unwrap();
    assert_eq!(first.state, ApprovalState::Approved);
    assert_eq!(recent(store).await, [second, first]);
}
