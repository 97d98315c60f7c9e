//! A host in memory, with its own clock, for tests of policies and tools without Wasm.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::store::Store;
use crate::host::{
    Approval, ApprovalHistory, Entry, Execution, Keys, Level, Log, Storage, StorageError,
};
use crate::requirement::Requirement;
use crate::tool::{ApprovalError, Approvals, ToolError, ToolInfo, Tools};

/// Answers a policy or a tool as the host does: storage with versions, expiry and staged writes, a
/// clock that stands still until it is set, approvals, people's answers and other tools' results that
/// the test put there, and a log that is kept.
#[derive(Debug, Default)]
pub struct TestHost {
    now_ms: Cell<u64>,
    has_begun: Cell<bool>,
    calls: Cell<u32>,
    store: RefCell<Store>,
    approvals: RefCell<Vec<Approval>>,
    log: RefCell<Vec<(Level, String)>>,
    answers: RefCell<VecDeque<Approval>>,
    asked: RefCell<Vec<Requirement>>,
    results: RefCell<VecDeque<Result<Value, ToolError>>>,
    called: RefCell<Vec<(String, Value)>>,
    pub(super) files: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl TestHost {
    /// An empty host at the Unix epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the clock, in milliseconds since the Unix epoch.
    pub fn set_time(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
    }

    /// Says whether the action that is asked about was allowed before; at first it was not.
    pub fn set_begun(&self, has_begun: bool) {
        self.has_begun.set(has_begun);
    }

    /// Puts the answers of `recent_approvals` there, newest first.
    pub fn set_approvals(&self, approvals: Vec<Approval>) {
        self.approvals.replace(approvals);
    }

    /// Keeps what was written since the last commit, as the host does after a permit.
    pub fn commit(&self) {
        self.store.borrow_mut().commit();
    }

    /// Forgets what was written since the last commit, as the host does after a denial.
    pub fn discard(&self) {
        self.store.borrow_mut().discard();
    }

    /// Puts there what people say to the next question of a tool; answers are used up in order.
    pub fn will_answer(&self, approval: Approval) {
        self.answers.borrow_mut().push_back(approval);
    }

    /// What a tool has asked people so far.
    pub fn asked(&self) -> Vec<Requirement> {
        self.asked.borrow().clone()
    }

    /// Puts there what the next call of another tool gives; results are used up in order.
    pub fn will_give(&self, result: Result<Value, ToolError>) {
        self.results.borrow_mut().push_back(result);
    }

    /// The other tools that a tool has called so far, with their arguments.
    pub fn called_tools(&self) -> Vec<(String, Value)> {
        self.called.borrow().clone()
    }

    /// How many calls the policy made. An evaluation that makes none is remembered by the host.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// The lines that were logged so far.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.log.borrow().clone()
    }

    pub(super) fn count(&self) {
        self.calls.set(self.calls.get() + 1);
    }

    fn expiry(&self, ttl_seconds: Option<u32>) -> Option<u64> {
        ttl_seconds.map(|seconds| self.now_ms.get() + u64::from(seconds) * 1_000)
    }
}

impl Storage for TestHost {
    fn get(&self, key: &str) -> Result<Option<Entry>, StorageError> {
        self.count();
        self.store.borrow().get(key, self.now_ms.get())
    }

    fn set(&self, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<u64, StorageError> {
        self.count();
        self.store.borrow_mut().set(key, value, self.expiry(ttl_seconds))
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        ttl_seconds: Option<u32>,
    ) -> Result<u64, StorageError> {
        self.count();
        let expiry = self.expiry(ttl_seconds);
        self.store.borrow_mut().compare_and_set(key, expected, value, expiry, self.now_ms.get())
    }

    fn increment(
        &self,
        key: &str,
        delta: i64,
        ttl_seconds: Option<u32>,
    ) -> Result<i64, StorageError> {
        self.count();
        let expiry = self.expiry(ttl_seconds);
        self.store.borrow_mut().increment(key, delta, expiry, self.now_ms.get())
    }

    fn delete(&self, key: &str) -> Result<bool, StorageError> {
        self.count();
        self.store.borrow_mut().delete(key, self.now_ms.get())
    }

    fn list_keys(&self, prefix: &str, cursor: Option<&str>) -> Result<Keys, StorageError> {
        self.count();
        Ok(self.store.borrow().list_keys(prefix, cursor, self.now_ms.get()))
    }
}

impl Execution for TestHost {
    fn id(&self) -> String {
        self.count();
        "test-execution".to_owned()
    }

    fn tenant(&self) -> String {
        self.count();
        "test-tenant".to_owned()
    }

    fn received_at_ms(&self) -> u64 {
        self.count();
        self.now_ms.get()
    }

    fn has_begun(&self) -> bool {
        self.count();
        self.has_begun.get()
    }
}

impl ApprovalHistory for TestHost {
    fn recent_approvals(&self, _within_seconds: u32) -> Vec<Approval> {
        self.count();
        self.approvals.borrow().clone()
    }
}

impl Log for TestHost {
    fn log(&self, level: Level, message: &str) {
        self.count();
        self.log.borrow_mut().push((level, message.to_owned()));
    }
}

impl Approvals for TestHost {
    /// Without an answer that the test put there, nobody can be asked.
    fn ask(&self, requirement: &Requirement) -> Result<Approval, ApprovalError> {
        self.count();
        requirement.check().map_err(ApprovalError::Invalid)?;
        self.asked.borrow_mut().push(requirement.clone());
        let answer = self.answers.borrow_mut().pop_front();
        answer.ok_or_else(|| ApprovalError::Unavailable("the test has no answer".to_owned()))
    }
}

impl Tools for TestHost {
    fn search(&self, _query: &str, _limit: u32) -> Vec<ToolInfo> {
        self.count();
        Vec::new()
    }

    fn call(&self, name: &str, arguments: &Value) -> Result<Value, ToolError> {
        self.count();
        self.called.borrow_mut().push((name.to_owned(), arguments.clone()));
        self.results.borrow_mut().pop_front().unwrap_or(Err(ToolError::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_seen_at_once_and_kept_only_by_commit() {
        let host = TestHost::new();
        assert_eq!(host.set("k", b"1", None), Ok(1));
        assert_eq!(host.get("k").unwrap().unwrap().value, b"1");
        host.discard();
        assert_eq!(host.get("k"), Ok(None));
        host.set("k", b"2", None).unwrap();
        host.commit();
        assert_eq!(host.get("k").unwrap().unwrap(), Entry { value: b"2".into(), version: 1 });
    }

    #[test]
    fn a_version_grows_with_each_commit_and_survives_deletion() {
        let host = TestHost::new();
        host.set("k", b"1", None).unwrap();
        host.commit();
        assert_eq!(host.set("k", b"2", None), Ok(2));
        assert_eq!(host.set("k", b"3", None), Ok(2));
        host.commit();
        assert_eq!(host.delete("k"), Ok(true));
        assert_eq!(host.delete("k"), Ok(false));
        host.commit();
        assert_eq!(host.compare_and_set("k", Some(3), b"4", None), Err(StorageError::Conflict));
        assert_eq!(host.compare_and_set("k", None, b"4", None), Ok(4));
    }

    #[test]
    fn a_value_is_gone_when_its_time_is_over() {
        let host = TestHost::new();
        host.set_time(5_000);
        host.set("k", b"1", Some(2)).unwrap();
        host.set_time(6_999);
        assert!(host.get("k").unwrap().is_some());
        host.set_time(7_000);
        assert_eq!(host.get("k"), Ok(None));
    }

    #[test]
    fn a_counter_keeps_the_expiry_of_its_first_increment() {
        let host = TestHost::new();
        assert_eq!(host.increment("n", 2, Some(10)), Ok(2));
        host.set_time(9_999);
        assert_eq!(host.increment("n", -5, Some(10)), Ok(-3));
        assert_eq!(host.get("n").unwrap().unwrap().value, b"-3");
        host.set_time(10_000);
        assert_eq!(host.increment("n", 1, None), Ok(1));
        host.set("n", b"x", None).unwrap();
        assert_eq!(host.increment("n", 1, None), Err(StorageError::NotACounter));
    }

    #[test]
    fn keys_are_listed_by_prefix_in_pages() {
        let host = TestHost::new();
        for number in 0..150 {
            host.set(&format!("a/{number:03}"), b"", None).unwrap();
        }
        host.set("b", b"", None).unwrap();
        host.commit();
        host.delete("a/000").unwrap();
        let first = host.list_keys("a/", None).unwrap();
        assert_eq!((first.keys.len(), first.keys[0].as_str()), (100, "a/001"));
        let rest = host.list_keys("a/", first.next.as_deref()).unwrap();
        assert_eq!((rest.keys.len(), rest.next), (49, None));
    }

    #[test]
    fn keys_and_values_over_their_limit_are_refused() {
        let host = TestHost::new();
        assert!(host.get(&"k".repeat(256)).is_ok());
        assert!(matches!(host.get(&"k".repeat(257)), Err(StorageError::QuotaExceeded(_))));
        assert!(matches!(host.get(""), Err(StorageError::QuotaExceeded(_))));
        let large = vec![0; 64 * 1024 + 1];
        assert!(matches!(host.set("k", &large, None), Err(StorageError::QuotaExceeded(_))));
    }
}
