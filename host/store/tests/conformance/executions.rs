//! Executions: created once, changed one after the other, found again.

use tokio::task::JoinSet;
use writ_core::execution::{Event, Refused};
use writ_core::{Execution, Json, Request, Tenant};
use writ_store::{
    ApprovalFilter, ChangeError, CommitError, CreateError, ExecutionFilter, Store, StoreError,
};

use super::evaluation::{NOW_MS, get, set};
use super::flow::{
    Flow, asking, cancel, claim, grounds, happen, permitted, person, report, request, tenant, vote,
};

async fn load(store: &Store, execution: &Execution) -> Option<Execution> {
    store.execution(&execution.tenant, &execution.id).await.unwrap()
}

pub async fn an_execution_reads_back_as_it_was(store: &Store) {
    for flow in [permitted(), asking(&[&["user:ann", "group:ops"], &["user:bob"]])] {
        let created = flow.create(store).await;
        assert_eq!(load(store, &created).await.as_ref(), Some(&created));
        assert_eq!(store.execution(&tenant("other"), &created.id).await.unwrap(), None);
    }
}

pub async fn an_execution_moves_to_its_end(store: &Store) {
    let asked = asking(&[&["user:Ann"]]).create(store).await;
    let approved = happen(store, &asked, vote(&asked, "ann")).await.unwrap();
    assert_eq!(load(store, &asked).await, Some(approved.clone()));
    let cancelled = happen(store, &asked, cancel()).await.unwrap();
    assert_eq!((cancelled.status.name(), cancelled.version), ("cancelled", 3));
    assert_eq!(load(store, &asked).await, Some(cancelled));
    let created = permitted().create(store).await;
    let running = happen(store, &created, claim(&created)).await.unwrap();
    assert_eq!((running.status.name(), running.fence), ("running", 1));
    let done = happen(store, &created, report()).await.unwrap();
    assert_eq!(load(store, &created).await, Some(done));
}

pub async fn what_is_refused_changes_nothing(store: &Store) {
    let created = permitted().create(store).await;
    let before = store.stats();
    let refused = happen(store, &created, report()).await;
    assert!(matches!(refused, Err(ChangeError::Refused(Refused::NotNow { .. }))), "{refused:?}");
    let nobody = Execution { id: "nobody".into(), ..created.clone() };
    let missing = happen(store, &nobody, cancel()).await;
    assert!(matches!(missing, Err(ChangeError::NotFound)), "{missing:?}");
    let elsewhere = Execution { tenant: tenant("other"), ..created.clone() };
    let missing = happen(store, &elsewhere, cancel()).await;
    assert!(matches!(missing, Err(ChangeError::NotFound)), "{missing:?}");
    assert_eq!(load(store, &created).await, Some(created));
    assert_eq!(store.stats().batches, before.batches);
}

pub async fn one_of_64_claims_gets_the_permit(store: &Store) {
    let created = permitted().create(store).await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (store, created) = (store.clone(), created.clone());
        tasks.spawn(async move { happen(&store, &created, claim(&created)).await });
    }
    let claims = tasks.join_all().await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    assert!(claims.iter().flat_map(Result::as_ref).all(|running| running.fence == 1));
    let running = load(store, &created).await.unwrap();
    assert_eq!((running.fence, running.version), (1, 2));
}

pub async fn changes_of_one_execution_come_one_after_the_other(store: &Store) {
    let voters: Vec<_> = (0..16).map(|voter| format!("user:v{voter}")).collect();
    let stages: Vec<_> = voters.iter().map(|voter| vec![voter.as_str()]).collect();
    let stages: Vec<_> = stages.iter().map(Vec::as_slice).collect();
    let created = asking(&stages).create(store).await;
    let mut tasks = JoinSet::new();
    for voter in 0..16 {
        let (store, created) = (store.clone(), created.clone());
        // A stage's vote counts once the stage before has its own: so each sees the one before.
        tasks.spawn(async move {
            while happen(&store, &created, vote(&created, &format!("v{voter}"))).await.is_err() {}
        });
    }
    tasks.join_all().await;
    let allowed = load(store, &created).await.unwrap();
    let votes = allowed.approvals[0].votes.len();
    assert_eq!((allowed.status.name(), allowed.version, votes), ("allowed", 17, 16));
}

pub async fn grounds_are_kept_with_the_execution(store: &Store) {
    let created = permitted().created();
    let execution = created.execution.clone();
    let first = grounds(store, "n").await;
    let (tenant, id) = (first.decision.tenant.clone(), first.decision.id.clone());
    store.create(created, Some(first)).await.unwrap();
    assert!(store.decision(&tenant, &id).await.unwrap().is_some());
    let second = grounds(store, "n").await;
    let change = |execution: &Execution| execution.apply(claim(execution));
    store.change(&tenant, &execution.id, NOW_MS, Some(second), change).await.unwrap();
    assert_eq!(get(store, "n").await.as_deref(), Some("2"));
    assert_eq!(store.stats().decisions, 2);
}

pub async fn grounds_that_changed_keep_nothing(store: &Store) {
    let (late, later) = (grounds(store, "n").await, grounds(store, "n").await);
    let (tenant, decided) = (late.decision.tenant.clone(), late.decision.id.clone());
    set(store, "n", "10").await;
    let created = permitted().with_key("k", "body").created();
    let (execution, key) = (created.execution.clone(), created.idempotency[0].clone());
    let conflict = store.create(created.clone(), Some(late)).await;
    let Err(CreateError::Commit(CommitError::Conflict(_))) = conflict else {
        panic!("{conflict:?}")
    };
    assert_eq!(load(store, &execution).await, None);
    assert_eq!(store.decision(&tenant, &decided).await.unwrap(), None);
    assert_eq!(store.repeated(&tenant, &key).await.unwrap(), None);
    assert!(store.events_page(&tenant, None, 0, 10).await.unwrap().is_empty());
    store.create(created, None).await.unwrap();
    let change = |execution: &Execution| execution.apply(claim(execution));
    let conflict = store.change(&tenant, &execution.id, NOW_MS, Some(later), change).await;
    let Err(ChangeError::Commit(CommitError::Conflict(_))) = conflict else {
        panic!("{conflict:?}")
    };
    assert_eq!(load(store, &execution).await, Some(execution));
    assert_eq!(get(store, "n").await.as_deref(), Some("10"));
}

pub async fn the_same_execution_is_not_created_twice(store: &Store) {
    let created = permitted().created();
    let mut again = created.clone();
    again.execution.requester = person("somebody else");
    store.create(created.clone(), None).await.unwrap();
    let refused = store.create(again, None).await;
    assert!(matches!(refused, Err(CreateError::Commit(_))), "{refused:?}");
    assert_eq!(load(store, &created.execution).await, Some(created.execution));
}

pub async fn of_64_with_one_key_one_is_created(store: &Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let store = store.clone();
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
    let all = ExecutionFilter::default();
    assert_eq!(
        store.executions_page(&Tenant::default(), &all, None, 10).await.unwrap().items.len(),
        1
    );
}

pub async fn a_key_is_for_one_request_of_one_requester(store: &Store) {
    let first = permitted().with_key("k", "first").create(store).await;
    let reused = store.create(permitted().with_key("k", "other").created(), None).await;
    assert!(matches!(reused, Err(CreateError::KeyReused)), "{reused:?}");
    // Another spelling of the same requester.
    let repeated = permitted().of("default", "ａｐｐ").with_key("k", "first").created();
    let key = repeated.idempotency[0].clone();
    let Err(CreateError::Repeated(found)) = store.create(repeated, None).await else { panic!() };
    assert_eq!(*found, first);
    let cancelled = happen(store, &first, cancel()).await.unwrap();
    assert_eq!(store.repeated(&Tenant::default(), &key).await.unwrap(), Some(cancelled));
    permitted().of("default", "somebody").with_key("k", "other").create(store).await;
    permitted().of("other", "app").with_key("k", "other").create(store).await;
    permitted().with_key("another", "other").create(store).await;
}

pub async fn of_64_with_a_key_each_and_one_in_common_one_is_created(store: &Store) {
    let mut tasks = JoinSet::new();
    for turn in 0..64 {
        let store = store.clone();
        tasks.spawn(async move {
            let created = permitted().with_key(&turn.to_string(), "a").with_key("once", "b");
            let created = created.created();
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
    let other = permitted().with_key("new", "a").with_key("once", "c").created();
    let key = other.idempotency[0].clone();
    let reused = store.create(other, None).await;
    assert!(matches!(reused, Err(CreateError::KeyReused)), "{reused:?}");
    // What was refused has taken none of its keys.
    assert_eq!(store.repeated(&Tenant::default(), &key).await.unwrap(), None);
}

pub async fn a_key_has_its_bounds(store: &Store) {
    permitted().with_key(&"k".repeat(256), "").create(store).await;
    for key in ["", &"k".repeat(257)] {
        let refused = store.create(permitted().with_key(key, "").created(), None).await;
        let Err(CreateError::Store(StoreError::KeyBytes(bytes))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(bytes, key.len());
    }
}

pub async fn executions_are_listed_newest_first(store: &Store) {
    let mut all = Vec::new();
    for index in 0..12 {
        let flow = if index % 2 == 0 { permitted() } else { asking(&[&["user:ann"]]) };
        let requester = ["App", "Other", "Third"][index % 3];
        all.push(Flow { requester: person(requester), ..flow }.create(store).await);
    }
    permitted().of("other", "app").create(store).await;
    all.reverse();
    for requester in [None, Some("app"), Some("nobody")] {
        for status in [None, Some("allowed"), Some("awaiting-approval"), Some("denied")] {
            let requester = requester.map(person);
            let listed = |execution: &&Execution| {
                requester.as_ref().is_none_or(|requester| execution.requester == *requester)
                    && status.is_none_or(|status| execution.status.name() == status)
            };
            let expected: Vec<_> = all.iter().filter(listed).cloned().collect();
            let filter =
                ExecutionFilter { requester: requester.clone(), status: status.map(str::to_owned) };
            let mut found = Vec::<Execution>::new();
            while let page = page(store, &filter, found.last()).await
                && !page.is_empty()
            {
                assert!(page.len() <= 5);
                found.extend(page);
            }
            assert_eq!(found, expected, "{filter:?}");
        }
    }
}

pub async fn pages_end_before_they_are_large(store: &Store) {
    let context = Json::parse(&format!("{{\"text\":\"{}\"}}", "x".repeat(5 << 19))).unwrap();
    for _ in 0..3 {
        let request = Request { context: context.clone(), ..request() };
        asking(&[&["user:ann"]]).about(request).create(store).await;
    }
    let (tenant, all) = (Tenant::default(), ExecutionFilter::default());
    let first = store.executions_page(&tenant, &all, None, 9).await.unwrap();
    assert_eq!((first.items.len(), first.has_more), (2, true));
    let second = store.executions_page(&tenant, &all, Some(&first.items[1].id), 9).await.unwrap();
    assert_eq!((second.items.len(), second.has_more), (1, false));

    let pending = ApprovalFilter::Pending;
    let first = store.approvals_page(&tenant, &pending, None, 9).await.unwrap();
    assert_eq!((first.items.len(), first.has_more), (2, true));
    let last = Some(first.items[1].1.id.as_str());
    let second = store.approvals_page(&tenant, &pending, last, 9).await.unwrap();
    assert_eq!((second.items.len(), second.has_more), (1, false));
}

async fn page(store: &Store, filter: &ExecutionFilter, last: Option<&Execution>) -> Vec<Execution> {
    let before = last.map(|execution| execution.id.as_str());
    store.executions_page(&Tenant::default(), filter, before, 5).await.unwrap().items
}

pub async fn what_time_changes_is_found_when_it_is_due(store: &Store) {
    assert_eq!(store.next_due_ms().await.unwrap(), None);
    let allowed = permitted().create(store).await;
    let asked = asking(&[&["user:ann"]]).of("other", "app").create(store).await;
    assert_eq!(store.next_due_ms().await.unwrap(), Some(NOW_MS + 60_000));
    assert!(store.due(NOW_MS + 59_999, 10).await.unwrap().is_empty());
    let named = |execution: &Execution| (execution.tenant.clone(), execution.id.clone());
    assert_eq!(store.due(NOW_MS + 60_000, 10).await.unwrap(), [named(&asked)]);
    let both = [named(&asked), named(&allowed)];
    assert_eq!(store.due(NOW_MS + 300_000, 10).await.unwrap(), both);
    assert_eq!(store.due(u64::MAX, 1).await.unwrap(), both[..1]);
    happen(store, &asked, Event::Passed { at_ms: NOW_MS + 60_000 }).await.unwrap();
    assert_eq!(store.next_due_ms().await.unwrap(), Some(NOW_MS + 300_000));
    happen(store, &allowed, cancel()).await.unwrap();
    assert_eq!(store.next_due_ms().await.unwrap(), None);
}
