//! What one evaluation read from and wants to write to its binding's storage.
//!
//! Reads are versioned and writes staged (decision 14): nothing is kept until the store commits
//! the ledger together with the decision, and it commits only if all that was read is still so.
//! The ledger does no I/O: its owner asks which key is unknown, loads it, and tells the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// How long a key may be, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// How long a value may be, in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// How many keys a page of a listing has at most.
pub const PAGE_KEYS_MAX: usize = 100;

/// A key as the store holds it. A deleted key keeps its version, so that a key that was deleted
/// and set again is never mistaken for the one that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// 0 where the key never was; grows by one with each write and deletion.
    pub version: u64,
    /// None where the key never was or is deleted.
    pub value: Option<Vec<u8>>,
    /// When the value expires, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<u64>,
}

impl Stored {
    /// A key that never was.
    pub const ABSENT: Self = Self { version: 0, value: None, expires_at_ms: None };

    /// The value, unless it has expired at `now_ms`.
    pub fn live(&self, now_ms: u64) -> Option<&[u8]> {
        let expired = self.expires_at_ms.is_some_and(|at| at <= now_ms);
        self.value.as_deref().filter(|_| !expired)
    }
}

/// How much a namespace holds, expired values that were not swept yet included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of keys with a value.
    pub keys: u64,
    /// Sum of the bytes of those keys and their values.
    pub bytes: u64,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In byte order.
    pub keys: Vec<String>,
    /// Changes whenever a key of the namespace is added or deleted.
    pub generation: u64,
}

/// One staged write. `stored.version` is what the key will have once committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which key.
    pub key: String,
    /// What it will hold.
    pub stored: Stored,
}

/// What an evaluation is told of its storage when something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code", content = "text")]
pub enum StorageError {
    /// Which bound, and its figure.
    QuotaExceeded(String),
    /// The stored version is not the expected one.
    Conflict,
    /// The value is no counter, or its sum leaves the range of `i64`.
    NotACounter,
}

/// What one evaluation read and wants to write.
#[derive(Clone, Debug)]
pub struct Ledger {
    now_ms: u64,
    quota: Usage,
    usage: Option<Usage>,
    known: BTreeMap<String, Stored>,
    staged: BTreeMap<String, Stored>,
    /// By how much the namespace grows if everything staged is committed.
    growth: Growth,
    generation: Option<u64>,
}

/// By how much a namespace grows; negative where it shrinks.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    keys: i64,
    bytes: i64,
}

impl Ledger {
    /// An empty ledger of an evaluation whose request was received at `now_ms`.
    pub fn new(now_ms: u64, limits: &Limits) -> Self {
        Self {
            now_ms,
            quota: Usage { keys: limits.storage_keys_max, bytes: limits.storage_bytes_max },
            usage: None,
            known: BTreeMap::new(),
            staged: BTreeMap::new(),
            growth: Growth::default(),
            generation: None,
        }
    }

    /// The time at which values are live or expired.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Whether the key must be loaded and [`Ledger::learn`]ed before it is used.
    pub fn needs(&self, key: &str) -> bool {
        !self.known.contains_key(key)
    }

    /// Tells what the store holds of a key. The first answer stands: an evaluation sees one state.
    pub fn learn(&mut self, key: &str, stored: Stored) {
        self.known.entry(key.to_owned()).or_insert(stored);
    }

    /// Whether the namespace's usage must be loaded before anything is written.
    pub fn needs_usage(&self) -> bool {
        self.usage.is_none()
    }

    /// Tells how much the namespace holds.
    pub fn learn_usage(&mut self, usage: Usage) {
        self.usage.get_or_insert(usage);
    }

    /// Checks a key's length.
    ///
    /// # Errors
    /// [`StorageError::QuotaExceeded`].
    pub fn check_key(key: &str) -> Result<(), StorageError> {
        match key.len() {
            1..=KEY_BYTES_MAX => Ok(()),
            other => Err(StorageError::QuotaExceeded(format!(
                "a key has 1 to {KEY_BYTES_MAX} bytes, this one {other}"
            ))),
        }
    }

    /// The live value and its version.
    pub fn get(&self, key: &str) -> Option<(&[u8], u64)> {
        let stored = self.current(key);
        stored.live(self.now_ms).map(|value| (value, stored.version))
    }

    /// Sets a value and returns its version.
    ///
    /// # Errors
    /// [`StorageError::QuotaExceeded`].
    pub fn set(
        &mut self,
        key: &str,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Result<u64, StorageError> {
        let expires_at_ms =
            ttl_seconds.map(|seconds| self.now_ms.saturating_add(u64::from(seconds) * 1_000));
        self.stage(key, Some(value), expires_at_ms)
    }

    /// Sets a value if the live version is `expected` (none: if the key is absent).
    ///
    /// # Errors
    /// [`StorageError::Conflict`] and [`StorageError::QuotaExceeded`].
    pub fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Result<u64, StorageError> {
        if self.get(key).map(|(_, version)| version) != expected {
            return Err(StorageError::Conflict);
        }
        self.set(key, value, ttl_seconds)
    }

    /// Adds to a counter and returns its new value. The time to live starts with the first
    /// increment; later ones leave the expiry as it is.
    ///
    /// # Errors
    /// Each of [`StorageError`] but [`StorageError::Conflict`].
    pub fn increment(
        &mut self,
        key: &str,
        delta: i64,
        ttl_seconds: Option<u32>,
    ) -> Result<i64, StorageError> {
        let before = self.get(key).map(|(value, _)| counter(value)).transpose()?;
        let after = before.unwrap_or(0).checked_add(delta).ok_or(StorageError::NotACounter)?;
        let value = after.to_string().into_bytes();
        match before {
            Some(_) => self.stage(key, Some(value), self.current(key).expires_at_ms)?,
            None => self.set(key, value, ttl_seconds)?,
        };
        Ok(after)
    }

    /// Deletes a key, and tells whether it was there.
    pub fn delete(&mut self, key: &str) -> bool {
        let was_there = self.get(key).is_some();
        if was_there {
            self.stage(key, None, None).expect("a deletion frees room");
        }
        was_there
    }

    /// Merges a page of the store's keys with what is staged: at most `limit` keys, which is the
    /// length that the store was asked for, and where the next page begins, if there is one.
    pub fn list(
        &mut self,
        listing: Listing,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<String>, Option<String>) {
        self.generation.get_or_insert(listing.generation);
        let last = (listing.keys.len() == limit).then(|| listing.keys.last().cloned()).flatten();
        let in_page = |key: &str| {
            key.starts_with(prefix)
                && after.is_none_or(|after| key > after)
                && last.as_deref().is_none_or(|last| key <= last)
        };
        let mut keys: std::collections::BTreeSet<_> = listing.keys.into_iter().collect();
        for (key, stored) in self.staged.iter().filter(|(key, _)| in_page(key)) {
            match stored.live(self.now_ms) {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        let mut keys: Vec<_> = keys.into_iter().collect();
        let is_too_long = keys.len() > limit;
        keys.truncate(limit);
        let next = if is_too_long { keys.last().cloned() } else { last };
        (keys, next)
    }

    /// What was seen of a key, before anything was staged.
    pub fn seen(&self, key: &str) -> Option<&Stored> {
        self.known.get(key)
    }

    /// How much the namespace was seen to hold, where that was asked.
    pub fn usage_seen(&self) -> Option<Usage> {
        self.usage
    }

    /// How many bytes of keys and values it holds.
    pub fn bytes(&self) -> usize {
        let size = |(key, stored): (&String, &Stored)| {
            key.len() + stored.value.as_ref().map_or(0, Vec::len)
        };
        self.known.iter().chain(&self.staged).map(size).sum()
    }

    /// Every key that was read, with the version that was seen.
    pub fn reads(&self) -> impl Iterator<Item = (&str, u64)> {
        self.known.iter().map(|(key, stored)| (key.as_str(), stored.version))
    }

    /// The generation of the namespace, where its keys were listed.
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// What is to be written, in key order.
    pub fn writes(&self) -> impl Iterator<Item = Write> + '_ {
        self.staged.iter().map(|(key, stored)| Write { key: key.clone(), stored: stored.clone() })
    }

    /// How much the namespace may hold: checked again at the commit, by who knows its usage then.
    pub fn quota(&self) -> Usage {
        self.quota
    }

    /// Whether anything was read, and so must be checked at the commit.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.generation.is_none()
    }

    /// Forgets what is staged, and keeps what was read.
    pub fn discard_writes(&mut self) {
        self.staged.clear();
        self.growth = Growth::default();
    }

    fn current(&self, key: &str) -> &Stored {
        self.staged.get(key).or_else(|| self.known.get(key)).unwrap_or(&Stored::ABSENT)
    }

    fn stage(
        &mut self,
        key: &str,
        value: Option<Vec<u8>>,
        expires_at_ms: Option<u64>,
    ) -> Result<u64, StorageError> {
        let growth = self.growth.with(key, self.current(key), value.as_deref());
        if let Some(value) = &value {
            self.check_quota(value.len(), growth)?;
        }
        // One evaluation counts as one write of a key, however often it sets it.
        let version = self.known.get(key).map_or(0, |stored| stored.version) + 1;
        self.staged.insert(key.to_owned(), Stored { version, value, expires_at_ms });
        self.growth = growth;
        Ok(version)
    }

    fn check_quota(&self, value_bytes: usize, growth: Growth) -> Result<(), StorageError> {
        let exceeded = |text: String| Err(StorageError::QuotaExceeded(text));
        if value_bytes > VALUE_BYTES_MAX {
            return exceeded(format!(
                "a value has at most {VALUE_BYTES_MAX} bytes, this one {value_bytes}"
            ));
        }
        let usage = self.usage.unwrap_or_default();
        // Only what grows can go over: a namespace that is over its (lowered) quota may shrink.
        if growth.keys > 0 && usage.keys.saturating_add_signed(growth.keys) > self.quota.keys {
            return exceeded(format!("the namespace holds at most {} keys", self.quota.keys));
        }
        if growth.bytes > 0 && usage.bytes.saturating_add_signed(growth.bytes) > self.quota.bytes {
            return exceeded(format!("the namespace holds at most {} bytes", self.quota.bytes));
        }
        Ok(())
    }
}

impl Growth {
    /// The growth once `key` holds `after` in place of `before`.
    fn with(self, key: &str, before: &Stored, after: Option<&[u8]>) -> Self {
        let size = |value: &[u8]| (key.len() + value.len()) as i64;
        let counted = |value: Option<&[u8]>| (i64::from(value.is_some()), value.map_or(0, size));
        let (before, after) = (counted(before.value.as_deref()), counted(after));
        Self { keys: self.keys + after.0 - before.0, bytes: self.bytes + after.1 - before.1 }
    }
}

fn counter(value: &[u8]) -> Result<i64, StorageError> {
    let text = std::str::from_utf8(value).map_err(|_| StorageError::NotACounter)?;
    text.parse().map_err(|_| StorageError::NotACounter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(known: &[(&str, Stored)]) -> Ledger {
        let limits = Limits { storage_keys_max: 3, storage_bytes_max: 20, ..Limits::default() };
        let mut ledger = Ledger::new(10_000, &limits);
        ledger.learn_usage(Usage::default());
        for (key, stored) in known {
            ledger.learn(key, stored.clone());
        }
        ledger
    }

    fn stored(version: u64, value: &str, expires_at_ms: Option<u64>) -> Stored {
        Stored { version, value: Some(value.into()), expires_at_ms }
    }

    #[test]
    fn sees_its_own_writes() {
        let mut ledger = ledger(&[("k", stored(4, "a", None))]);
        assert_eq!(ledger.get("k"), Some((&b"a"[..], 4)));
        assert_eq!(ledger.set("k", b"b".into(), None), Ok(5));
        assert_eq!(ledger.set("k", b"c".into(), None), Ok(5));
        assert_eq!(ledger.get("k"), Some((&b"c"[..], 5)));
        assert_eq!(ledger.writes().count(), 1);
    }

    #[test]
    fn what_has_expired_is_absent_but_keeps_its_version() {
        let mut ledger = ledger(&[("k", stored(4, "a", Some(10_000)))]);
        assert_eq!(ledger.get("k"), None);
        assert_eq!(ledger.compare_and_set("k", None, b"b".into(), Some(1)), Ok(5));
        assert_eq!(ledger.reads().collect::<Vec<_>>(), [("k", 4)]);
        assert_eq!(ledger.writes().next().unwrap().stored.expires_at_ms, Some(11_000));
    }

    #[test]
    fn compare_and_set_refuses_another_version() {
        let mut ledger = ledger(&[("k", stored(4, "a", None))]);
        assert_eq!(ledger.compare_and_set("k", None, vec![], None), Err(StorageError::Conflict));
        assert_eq!(ledger.compare_and_set("k", Some(3), vec![], None), Err(StorageError::Conflict));
        assert_eq!(ledger.compare_and_set("k", Some(4), vec![], None), Ok(5));
    }

    #[test]
    fn a_counter_keeps_the_expiry_of_its_first_increment() {
        let mut first = ledger(&[]);
        assert_eq!(first.increment("n", 2, Some(5)), Ok(2));
        assert_eq!(first.writes().next().unwrap().stored.expires_at_ms, Some(15_000));
        let mut later = ledger(&[("n", stored(1, "2", Some(15_000)))]);
        assert_eq!(later.increment("n", -5, Some(60)), Ok(-3));
        assert_eq!(later.writes().next().unwrap().stored.expires_at_ms, Some(15_000));
    }

    #[test]
    fn a_counter_does_not_wrap() {
        let mut ledger =
            ledger(&[("n", stored(1, &i64::MAX.to_string(), None)), ("t", stored(1, "x", None))]);
        assert_eq!(ledger.increment("n", 1, None), Err(StorageError::NotACounter));
        assert_eq!(ledger.increment("t", 1, None), Err(StorageError::NotACounter));
    }

    #[test]
    fn the_quota_counts_what_is_staged() {
        let mut ledger = ledger(&[]);
        for key in ["a", "b", "c"] {
            assert!(ledger.set(key, b"12345".into(), None).is_ok());
        }
        assert!(matches!(ledger.set("d", vec![], None), Err(StorageError::QuotaExceeded(_))));
        assert!(matches!(ledger.set("a", vec![0; 8], None), Err(StorageError::QuotaExceeded(_))));
        assert!(ledger.delete("b"));
        assert!(ledger.set("a", vec![0; 8], None).is_ok());
    }

    #[test]
    fn a_value_over_its_bound_is_refused_whatever_the_quota() {
        let mut ledger = Ledger::new(0, &Limits::default());
        let refused = ledger.set("a", vec![0; VALUE_BYTES_MAX + 1], None).unwrap_err();
        assert!(matches!(refused, StorageError::QuotaExceeded(text) if text.contains("65536")));
        assert!(Ledger::check_key("").is_err());
        assert!(Ledger::check_key(&"k".repeat(KEY_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_deleted_key_is_gone_and_its_version_goes_on() {
        let mut ledger = ledger(&[("k", stored(4, "a", None))]);
        assert!(ledger.delete("k"));
        assert!(!ledger.delete("k"));
        assert_eq!(ledger.get("k"), None);
        let write = ledger.writes().next().unwrap();
        assert_eq!(write.stored, Stored { version: 5, value: None, expires_at_ms: None });
    }

    #[test]
    fn a_listing_shows_what_is_staged_and_nothing_beyond_its_page() {
        let mut ledger = ledger(&[("a2", stored(1, "", None))]);
        ledger.set("a1", vec![], None).unwrap();
        ledger.set("a9", vec![], None).unwrap();
        ledger.delete("a2");
        let page = Listing { keys: vec!["a2".into(), "a3".into()], generation: 7 };
        let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        let listed = ledger.list(page.clone(), "a", None, 2);
        assert_eq!(listed, (keys(&["a1", "a3"]), Some("a3".into())));
        assert_eq!(ledger.list(page, "a", None, 3), (keys(&["a1", "a3", "a9"]), None));
        assert_eq!(ledger.generation(), Some(7));
    }

    #[test]
    fn what_is_staged_makes_no_page_longer() {
        let mut ledger = Ledger::new(0, &Limits::default());
        ledger.learn_usage(Usage::default());
        for n in 0..7 {
            ledger.set(&format!("k{n}"), vec![], None).unwrap();
        }
        let mut found = Vec::new();
        let mut after = None;
        loop {
            // The store has nothing of them.
            let page = Listing { keys: vec![], generation: 1 };
            let (keys, next) = ledger.list(page, "k", after.as_deref(), 3);
            assert!(keys.len() <= 3, "{keys:?}");
            found.extend(keys);
            let Some(next) = next else { break };
            after = Some(next);
        }
        assert_eq!(found, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
    }
}
