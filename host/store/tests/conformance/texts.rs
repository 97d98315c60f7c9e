//! Texts of callers may hold any character, U+0000 too, wherever they are kept or asked for.

use writ_core::ports::{About, Window};
use writ_core::{DecisionRecord, Request, Tenant};
use writ_store::{CreateError, ExecutionFilter, Store};

use super::evaluation::{decision, next_id};
use super::flow::{asking, happen, permitted, person, request, vote};

/// Each differs from the others in how it might be written down.
const HARD: [&str; 6] = ["a\0b", "a\\0b", "a\\\\0b", "a\\", "'\"%_\u{10ffff}", "\0"];

pub async fn what_a_decision_is_about_may_be_any_text(store: &Store) {
    for hard in HARD {
        let given = DecisionRecord {
            id: next_id(),
            request_id: Some(hard.into()),
            trace_id: Some(hard.into()),
            subject: (hard.into(), hard.into()),
            action: hard.into(),
            resource: (hard.into(), hard.into()),
            ..decision()
        };
        let (tenant, id) = (given.tenant.clone(), given.id.clone());
        store.commit(given.clone(), vec![]).await.unwrap();
        let found = store.decision(&tenant, &id).await.unwrap().unwrap();
        assert_eq!((found.subject, found.action), (given.subject, given.action));
        assert_eq!((found.resource, found.request_id), (given.resource, given.request_id));
        assert_eq!(found.trace_id, given.trace_id);
    }
}

pub async fn what_people_are_asked_about_may_be_any_text(store: &Store) {
    let hard_request = |hard: &str| {
        let mut request: Request = request();
        request.subject.id = hard.into();
        request.action.name = hard.into();
        request.resource.kind = hard.into();
        request
    };
    let mut asked = Vec::new();
    for hard in HARD {
        asked.push(asking(&[&["user:ann"]]).about(hard_request(hard)).create(store).await);
    }
    for (hard, asked) in HARD.iter().zip(asked) {
        let asked = happen(store, &asked, vote(&asked, "ann")).await.unwrap();
        let found = store.execution(&asked.tenant, &asked.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&asked));
        let about = About::of(&asked.tenant, &hard_request(hard));
        let window = Window { since_ms: 0, limit: 10 };
        let recent = store.approval_reader().recent(&about, window).await.unwrap();
        assert_eq!(recent, asked.approvals, "{hard:?}");
    }
    store.verify(&Tenant::default()).await.unwrap();
}

pub async fn a_key_of_a_caller_may_be_any_text(store: &Store) {
    let mut made = Vec::new();
    for hard in HARD {
        made.push(permitted().with_key(hard, hard).create(store).await);
    }
    for (hard, made) in HARD.iter().zip(made) {
        let again = store.create(permitted().with_key(hard, hard).created(), None).await;
        let Err(CreateError::Repeated(found)) = again else { panic!("{hard:?}: {again:?}") };
        assert_eq!(*found, made, "{hard:?}");
    }
}

pub async fn nothing_is_found_by_a_text_that_names_nothing(store: &Store) {
    asking(&[&["user:ann"]]).create(store).await;
    let tenant = Tenant::default();
    for hard in HARD {
        assert_eq!(store.decision(&tenant, hard).await.unwrap(), None);
        assert_eq!(store.execution(&tenant, hard).await.unwrap(), None);
        assert_eq!(store.execution_of_approval(&tenant, hard).await.unwrap(), None);
        let events = store.events_page(&tenant, Some(hard), 0, 10).await.unwrap();
        assert!(events.is_empty());
        let filter = ExecutionFilter { status: Some(hard.into()), requester: Some(person("x")) };
        let listed = store.executions_page(&tenant, &filter, Some(hard), 10).await.unwrap().items;
        assert!(listed.is_empty());
        store.decisions_page(&tenant, Some(hard), 10).await.unwrap();
    }
}
