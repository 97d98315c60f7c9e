//! A stand-in for an evaluation: reads through the port, stages in a ledger, commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use writ_core::inquiry::{Answer, Inquiry, Question};
use writ_core::ledger::Stored;
use writ_core::ports::{Namespace, Page, StorageReader};
use writ_core::{
    Basis, DecisionRecord, Digest, Ledger, Limits, Mode, PolicyRecord, Verbatim, Whole,
};
use writ_store::{CommitError, Store};

/// When the evaluations of a test happen, unless it says otherwise: long from now, so that the
/// store itself has nothing to sweep.
pub const NOW_MS: u64 = 4_000_000_000_000;

pub fn namespace(tenant: &str, binding: &str) -> Arc<Namespace> {
    Arc::new(Namespace { tenant: tenant.parse().unwrap(), binding: binding.parse().unwrap() })
}

/// An id of the form that hosts give, later ones greater.
pub fn next_id() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let count = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    format!("0190a6f0-0000-7000-8000-{count:012x}")
}

pub fn decision() -> DecisionRecord {
    let policy = PolicyRecord {
        binding: "budget".parse().unwrap(),
        image: Digest::of(b"image"),
        mode: Mode::Enforce,
        verdict: "deny".into(),
        reason: Some("too \"much\" \u{0} \u{1F4B0}".into()),
        fault: None,
        annotations: Some(serde_json::json!({"spent": 12.5})),
        particulars: Some(Digest::of(b"particulars")),
        fuel: u64::MAX,
        host_calls: 3,
        duration_us: 17,
        memoised: false,
    };
    DecisionRecord {
        id: next_id(),
        tenant: "default".parse().unwrap(),
        received_at_ms: NOW_MS,
        request_id: Some("r-1".into()),
        trace_id: None,
        request_digest: Digest::of(b"request"),
        subject: ("agent".into(), "a'; DROP TABLE decisions; --".into()),
        action: "transfer".into(),
        resource: ("account".into(), "DE\u{0}12".into()),
        policy_set: Digest::of(b"set"),
        outcome: "deny",
        policies: vec![policy],
        whole: Some(Box::new(whole())),
    }
}

fn whole() -> Whole {
    let usage = writ_core::ledger::Usage { keys: 1, bytes: 2 };
    let basis = Basis {
        binding: "b".parse().unwrap(),
        inquiries: vec![Inquiry { asked: Question::Usage, answered: usage.reply() }],
        truncated: false,
    };
    let request = Some(Verbatim::new(super::flow::request().canonical()));
    Whole { request, execution: Some("e".into()), has_begun: true, bases: vec![basis] }
}

pub struct Evaluation<'a> {
    pub store: &'a Store,
    pub reader: Arc<dyn StorageReader>,
    pub namespace: Arc<Namespace>,
    pub ledger: Ledger,
}

impl<'a> Evaluation<'a> {
    pub fn new(store: &'a Store) -> Self {
        Self::at(store, NOW_MS, &Limits::default())
    }

    pub fn at(store: &'a Store, now_ms: u64, limits: &Limits) -> Self {
        let ledger = Ledger::new(now_ms, limits);
        Self { store, reader: store.reader(), namespace: namespace("default", "budget"), ledger }
    }

    pub fn of(mut self, namespace: Arc<Namespace>) -> Self {
        self.namespace = namespace;
        self
    }

    pub async fn know(&mut self, key: &str) {
        if self.ledger.needs(key) {
            let stored = self.reader.read(&self.namespace, key).await.unwrap();
            self.ledger.learn(key, stored);
        }
        if self.ledger.needs_usage() {
            self.ledger.learn_usage(self.reader.usage(&self.namespace).await.unwrap());
        }
    }

    pub async fn get(&mut self, key: &str) -> Option<Vec<u8>> {
        self.know(key).await;
        self.ledger.get(key).map(|(value, _)| value.to_vec())
    }

    pub async fn set(&mut self, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> u64 {
        self.know(key).await;
        self.ledger.set(key, value.to_vec(), ttl_seconds).unwrap()
    }

    pub async fn increment(&mut self, key: &str, delta: i64) -> i64 {
        self.know(key).await;
        self.ledger.increment(key, delta, None).unwrap()
    }

    pub async fn delete(&mut self, key: &str) -> bool {
        self.know(key).await;
        self.ledger.delete(key)
    }

    pub async fn list(&mut self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let page = Page { prefix, after, limit, now_ms: self.ledger.now_ms() };
        let listing = self.reader.list(&self.namespace, page).await.unwrap();
        self.ledger.list(listing, prefix, after, limit).0
    }

    /// Commits with a new decision, whose id it returns.
    pub async fn commit(self) -> Result<String, CommitError> {
        let decision = decision();
        let id = decision.id.clone();
        self.store.commit(decision, vec![(self.namespace, self.ledger)]).await.map(|()| id)
    }
}

/// Sets one key, in an evaluation of its own.
pub async fn set(store: &Store, key: &str, value: &str) {
    let mut evaluation = Evaluation::new(store);
    evaluation.set(key, value.as_bytes(), None).await;
    evaluation.commit().await.unwrap();
}

/// Deletes one key, in an evaluation of its own.
pub async fn delete(store: &Store, key: &str) {
    let mut evaluation = Evaluation::new(store);
    assert!(evaluation.delete(key).await);
    evaluation.commit().await.unwrap();
}

/// One key as an evaluation sees it.
pub async fn get(store: &Store, key: &str) -> Option<String> {
    let value = Evaluation::new(store).get(key).await?;
    Some(String::from_utf8(value).unwrap())
}

/// One key as the store holds it.
pub async fn stored(store: &Store, key: &str) -> Stored {
    store.reader().read(&namespace("default", "budget"), key).await.unwrap()
}

pub fn assert_conflict(result: Result<String, CommitError>) {
    assert!(matches!(result, Err(CommitError::Conflict(_))), "{result:?}");
}
