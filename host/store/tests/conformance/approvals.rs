//! Approvals: found by whom they ask, and by whether they have ended.

use writ_core::execution::Event;
use writ_core::{Execution, Tenant};
use writ_store::{ApprovalFilter, Store};

use super::evaluation::NOW_MS;
use super::flow::{asking, cancel, happen, permitted, person, tenant, vote};

async fn ids(store: &Store, filter: &ApprovalFilter) -> Vec<String> {
    let mut ids = Vec::<String>::new();
    while let before = ids.last().map(String::as_str)
        && let page =
            store.approvals_page(&Tenant::default(), filter, before, 2).await.unwrap().items
        && !page.is_empty()
    {
        assert!(page.len() <= 2);
        for (execution, approval) in page {
            assert_eq!(execution.approval(&approval.id), Some(&approval));
            ids.push(approval.id);
        }
    }
    ids
}

fn mine(name: &str, groups: &[&str]) -> ApprovalFilter {
    let groups = groups.iter().map(|group| person(group)).collect();
    ApprovalFilter::Asking { person: person(name), groups }
}

fn id(execution: &Execution) -> String {
    execution.approvals[0].id.clone()
}

pub async fn an_approval_is_listed_for_those_whom_it_asks(store: &Store) {
    let first = asking(&[&["user:Ann", "group:Ops"]]).create(store).await;
    let second = asking(&[&["group:ops", "group:night"]]).create(store).await;
    let third = asking(&[&["user:ANN", "user:bob"]]).create(store).await;
    asking(&[&["user:ann"]]).of("other", "app").create(store).await;
    permitted().create(store).await;
    let (first, second, third) = (id(&first), id(&second), id(&third));
    let check = async |filter: ApprovalFilter, expected: &[&String]| {
        assert_eq!(ids(store, &filter).await.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    };
    check(mine("ann", &[]), &[&third, &first]).await;
    check(mine("ａｎｎ", &["OPS", "night"]), &[&third, &second, &first]).await;
    check(mine("bob", &["night"]), &[&third, &second]).await;
    check(mine("eve", &["user", "ann"]), &[]).await;
    // A person is not a group of the same name.
    check(mine("ops", &[]), &[]).await;
    check(ApprovalFilter::Pending, &[&third, &second, &first]).await;
    check(ApprovalFilter::Ended, &[]).await;
}

pub async fn the_next_stage_asks_others(store: &Store) {
    let asked = asking(&[&["user:ann"], &["user:bob", "user:ann"], &["user:cy"]]);
    let asked = asked.create(store).await;
    let approval = [id(&asked)];
    happen(store, &asked, vote(&asked, "ann")).await.unwrap();
    assert_eq!(ids(store, &mine("ann", &[])).await, approval);
    assert_eq!(ids(store, &mine("bob", &[])).await, approval);
    // Its second stage ends without an answer.
    happen(store, &asked, Event::Passed { at_ms: NOW_MS + 60_001 }).await.unwrap();
    assert!(ids(store, &mine("ann", &[])).await.is_empty());
    assert_eq!(ids(store, &mine("cy", &[])).await, approval);
}

pub async fn what_has_ended_asks_nobody(store: &Store) {
    let approved = asking(&[&["user:ann"]]).create(store).await;
    let cancelled = asking(&[&["user:ann"]]).create(store).await;
    let pending = asking(&[&["user:ann"]]).create(store).await;
    happen(store, &approved, vote(&approved, "ann")).await.unwrap();
    happen(store, &cancelled, cancel()).await.unwrap();
    assert_eq!(ids(store, &mine("ann", &[])).await, [id(&pending)]);
    assert_eq!(ids(store, &ApprovalFilter::Pending).await, [id(&pending)]);
    assert_eq!(ids(store, &ApprovalFilter::Ended).await, [id(&cancelled), id(&approved)]);
}

pub async fn what_somebody_has_answered_is_listed_for_them(store: &Store) {
    let first = asking(&[&["user:ann"], &["user:bob", "user:ann"]]).create(store).await;
    let second = asking(&[&["group:ops"]]).create(store).await;
    let cancelled = asking(&[&["user:ann"]]).create(store).await;
    let answered = |name: &str| ApprovalFilter::AnsweredBy(person(name));
    assert!(ids(store, &answered("ann")).await.is_empty());
    let asked_again = happen(store, &first, vote(&first, "Ann")).await.unwrap();
    assert_eq!(ids(store, &answered("ann")).await, [id(&first)], "it is pending still");
    happen(store, &asked_again, vote(&asked_again, "ann")).await.unwrap();
    happen(store, &cancelled, cancel()).await.unwrap();
    assert_eq!(ids(store, &answered("ANN")).await, [id(&first)], "once, and by any spelling");
    assert!(ids(store, &answered("bob")).await.is_empty());
    let Event::Voted { approval, mut ballot } = vote(&second, "ann") else { panic!() };
    ballot.groups.insert(person("ops"));
    happen(store, &second, Event::Voted { approval, ballot }).await.unwrap();
    assert_eq!(ids(store, &answered("ann")).await, [id(&second), id(&first)]);
}

pub async fn an_approval_leads_to_its_execution(store: &Store) {
    let asked = asking(&[&["user:ann"]]).create(store).await;
    let find = async |tenant: &Tenant, approval: &str| {
        store.execution_of_approval(tenant, approval).await.unwrap()
    };
    assert_eq!(find(&asked.tenant, &id(&asked)).await, Some(asked.clone()));
    assert_eq!(find(&tenant("other"), &id(&asked)).await, None);
    assert_eq!(find(&asked.tenant, "nothing").await, None);
}
