//! Storage in memory, with versions, expiry and staged writes as the contract says.

use std::collections::BTreeMap;

use crate::host::{Entry, Keys, StorageError};

/// The longest key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 256;
/// The longest value, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Keys on one page of a listing.
pub(super) const PAGE_KEYS: usize = 100;

/// A namespace: what is committed, and what the running evaluation has written over it.
#[derive(Debug, Default)]
pub(super) struct Store {
    committed: BTreeMap<String, Cell>,
    staged: BTreeMap<String, Cell>,
}

#[derive(Debug, Clone)]
struct Cell {
    /// None: deleted; the version goes on counting.
    value: Option<Vec<u8>>,
    version: u64,
    expires_at_ms: Option<u64>,
}

impl Cell {
    fn live(&self, now_ms: u64) -> Option<&Vec<u8>> {
        let expired = self.expires_at_ms.is_some_and(|at| at <= now_ms);
        if expired { None } else { self.value.as_ref() }
    }
}

impl Store {
    pub(super) fn commit(&mut self) {
        let staged = std::mem::take(&mut self.staged);
        self.committed.extend(staged);
    }

    pub(super) fn discard(&mut self) {
        self.staged.clear();
    }

    pub(super) fn get(&self, key: &str, now_ms: u64) -> Result<Option<Entry>, StorageError> {
        check_key(key)?;
        Ok(self.cell(key).and_then(|cell| {
            let value = cell.live(now_ms)?.clone();
            Some(Entry { value, version: cell.version })
        }))
    }

    pub(super) fn set(
        &mut self,
        key: &str,
        value: &[u8],
        expires_at_ms: Option<u64>,
    ) -> Result<u64, StorageError> {
        check_key(key)?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(StorageError::QuotaExceeded(format!(
                "a value has at most {VALUE_BYTES_MAX} bytes"
            )));
        }
        Ok(self.write(key, Some(value.to_vec()), expires_at_ms))
    }

    pub(super) fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<u64>,
        value: &[u8],
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<u64, StorageError> {
        let found = self.get(key, now_ms)?.map(|entry| entry.version);
        if found == expected {
            self.set(key, value, expires_at_ms)
        } else {
            Err(StorageError::Conflict)
        }
    }

    pub(super) fn increment(
        &mut self,
        key: &str,
        delta: i64,
        expires_at_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<i64, StorageError> {
        check_key(key)?;
        let (old, expiry) = match self.cell(key).filter(|cell| cell.live(now_ms).is_some()) {
            Some(cell) => (counter(cell, now_ms)?, cell.expires_at_ms),
            None => (0, expires_at_ms),
        };
        let sum = old.checked_add(delta).ok_or(StorageError::NotACounter)?;
        self.write(key, Some(sum.to_string().into_bytes()), expiry);
        Ok(sum)
    }

    pub(super) fn delete(&mut self, key: &str, now_ms: u64) -> Result<bool, StorageError> {
        let there = self.get(key, now_ms)?.is_some();
        if there {
            self.write(key, None, None);
        }
        Ok(there)
    }

    pub(super) fn list_keys(&self, prefix: &str, cursor: Option<&str>, now_ms: u64) -> Keys {
        let mut keys: Vec<String> = self
            .committed
            .keys()
            .chain(self.staged.keys().filter(|key| !self.committed.contains_key(*key)))
            .filter(|key| key.starts_with(prefix) && cursor.is_none_or(|from| key.as_str() > from))
            .filter(|key| self.cell(key).is_some_and(|cell| cell.live(now_ms).is_some()))
            .cloned()
            .collect();
        keys.sort();
        let next = (keys.len() > PAGE_KEYS).then(|| keys[PAGE_KEYS - 1].clone());
        keys.truncate(PAGE_KEYS);
        Keys { keys, next }
    }

    fn cell(&self, key: &str) -> Option<&Cell> {
        self.staged.get(key).or_else(|| self.committed.get(key))
    }

    fn write(&mut self, key: &str, value: Option<Vec<u8>>, expires_at_ms: Option<u64>) -> u64 {
        // A staged write has the version that it will have once committed, however often the
        // evaluation writes the key.
        let version = self.committed.get(key).map_or(1, |cell| cell.version + 1);
        self.staged.insert(key.to_owned(), Cell { value, version, expires_at_ms });
        version
    }
}

fn counter(cell: &Cell, now_ms: u64) -> Result<i64, StorageError> {
    let text = cell.live(now_ms).and_then(|value| str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).ok_or(StorageError::NotACounter)
}

fn check_key(key: &str) -> Result<(), StorageError> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) {
        return Ok(());
    }
    Err(StorageError::QuotaExceeded(format!(
        "a key has 1 to {KEY_BYTES_MAX} bytes, not {}",
        key.len()
    )))
}
