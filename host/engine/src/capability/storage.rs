//! `storage`: reads go to the store once a key, writes are staged in the evaluation's ledger.

use std::sync::Arc;

use writ_core::ledger::{PAGE_KEYS_MAX, StorageError};
use writ_core::ports::{Namespace, Page, StorageReader, Unavailable};
use writ_core::{Ledger, Limits};

use crate::bindings::writ::host::storage::{self, Entry, Error};
use crate::image::Call;
use crate::state::State;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

/// The storage of one evaluation.
pub(crate) struct Storage {
    namespace: Arc<Namespace>,
    reader: Arc<dyn StorageReader>,
    limits: Arc<Limits>,
    now_ms: u64,
    ledger: Option<Ledger>,
    /// Whether the store once did not answer.
    failed: bool,
}

impl Storage {
    pub(crate) fn new(call: &Call<'_>, limits: &Arc<Limits>) -> Self {
        Self {
            namespace: call.namespace.clone(),
            reader: call.storage.clone(),
            limits: limits.clone(),
            now_ms: call.execution.received_at_ms,
            ledger: None,
            failed: false,
        }
    }

    /// Whether the store once did not answer, so that a policy which gives up is not to blame.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// What was read and written; none where storage was not used.
    pub(crate) fn into_ledger(self) -> Option<Ledger> {
        self.ledger
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.get_or_insert_with(|| Ledger::new(self.now_ms, &self.limits))
    }

    /// The ledger, once it knows what the store holds of a key.
    async fn knowing(&mut self, key: &str) -> Result<&mut Ledger, Error> {
        Ledger::check_key(key)?;
        if self.ledger().needs(key) {
            let stored = self.reader.read(&self.namespace, key).await;
            let stored = self.answered(stored)?;
            self.ledger().learn(key, stored);
        }
        Ok(self.ledger())
    }

    /// The ledger, once it knows what is needed to write a key.
    async fn writing(&mut self, key: &str) -> Result<&mut Ledger, Error> {
        if self.ledger().needs_usage() {
            let usage = self.reader.usage(&self.namespace).await;
            let usage = self.answered(usage)?;
            self.ledger().learn_usage(usage);
        }
        self.knowing(key).await
    }

    /// What the store answered, in the contract's words.
    fn answered<T>(&mut self, answer: Result<T, Unavailable>) -> Result<T, Error> {
        answer.map_err(|error| {
            self.failed = true;
            tracing::error!(%error, "storage cannot be read for a policy");
            Error::Unavailable("the store cannot answer now".into())
        })
    }

    async fn page(
        &mut self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let page = Page { prefix, after, limit: PAGE_KEYS_MAX, now_ms: self.now_ms };
        let listing = self.reader.list(&self.namespace, page).await;
        let listing = self.answered(listing)?;
        Ok(self.ledger().list(listing, prefix, after, PAGE_KEYS_MAX))
    }
}

impl storage::Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<Entry>> {
        self.guard.meter.call(key.len())?;
        let found = self.storage.knowing(&key).await.map(|ledger| {
            ledger.get(&key).map(|(value, version)| Entry { value: value.to_vec(), version })
        });
        if let Ok(Some(entry)) = &found {
            self.guard.meter.answer(entry.value.len())?;
        }
        Ok(found)
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl: Option<u32>) -> Answer<u64> {
        self.guard.meter.call(key.len() + value.len())?;
        Ok(match self.storage.writing(&key).await {
            Ok(ledger) => ledger.set(&key, value, ttl).map_err(Error::from),
            Err(error) => Err(error),
        })
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl: Option<u32>,
    ) -> Answer<u64> {
        self.guard.meter.call(key.len() + value.len())?;
        Ok(match self.storage.writing(&key).await {
            Ok(ledger) => ledger.compare_and_set(&key, expected, value, ttl).map_err(Error::from),
            Err(error) => Err(error),
        })
    }

    async fn increment(&mut self, key: String, delta: i64, ttl: Option<u32>) -> Answer<i64> {
        self.guard.meter.call(key.len())?;
        Ok(match self.storage.writing(&key).await {
            Ok(ledger) => ledger.increment(&key, delta, ttl).map_err(Error::from),
            Err(error) => Err(error),
        })
    }

    async fn delete(&mut self, key: String) -> Answer<bool> {
        self.guard.meter.call(key.len())?;
        Ok(self.storage.writing(&key).await.map(|ledger| ledger.delete(&key)))
    }

    async fn list_keys(
        &mut self,
        prefix: String,
        cursor: Option<String>,
    ) -> Answer<(Vec<String>, Option<String>)> {
        self.guard.meter.call(prefix.len() + cursor.as_ref().map_or(0, String::len))?;
        let page = self.storage.page(&prefix, cursor.as_deref()).await;
        if let Ok((keys, _)) = &page {
            self.guard.meter.answer(keys.iter().map(String::len).sum())?;
        }
        Ok(page)
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::QuotaExceeded(text) => Self::QuotaExceeded(text),
            StorageError::Conflict => Self::Conflict,
            StorageError::NotACounter => Self::NotACounter,
        }
    }
}
