//! Remembers evaluations that called no import.
//!
//! Such an evaluation is a pure function of image and request (decision 3), so the same question
//! need not be asked twice. Only verdicts are remembered, never faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;
use writ_core::{Digest, PolicyDecision};

/// What one entry costs beside its texts: keys, counters and the cache's own book-keeping.
const ENTRY_BYTES: usize = 512;

/// A verdict worth remembering.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) decision: PolicyDecision,
    pub(crate) fuel: u64,
    pub(crate) memory_bytes: usize,
}

/// Which evaluation: the image as this process numbers it, and the digest of the request.
type Key = (u64, Digest);

pub(crate) struct Memo {
    cache: Option<Cache<Key, Arc<Remembered>>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Memo {
    /// Room for about `bytes_max` bytes; 0 remembers nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let cache = (bytes_max > 0).then(|| {
            let weigher = |_: &Key, entry: &Arc<Remembered>| weight(entry);
            Cache::builder().max_capacity(bytes_max).weigher(weigher).build()
        });
        Self { cache, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, image: u64, request: &Digest) -> Option<Arc<Remembered>> {
        let found = self.cache.as_ref()?.get(&(image, *request));
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Remembers what `make` gives, which is not called where nothing is remembered.
    pub(crate) fn insert(&self, image: u64, request: &Digest, make: impl FnOnce() -> Remembered) {
        if let Some(cache) = &self.cache {
            cache.insert((image, *request), Arc::new(make()));
        }
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}

fn weight(entry: &Remembered) -> u32 {
    use writ_core::Verdict;
    let verdict = match &entry.decision.verdict {
        Verdict::Abstain | Verdict::Allow => 0,
        Verdict::Amend { patch } => patch.as_str().len(),
        Verdict::Deny { reason } => reason.len(),
        Verdict::RequireApproval { requirement } => {
            let approvers = requirement.stages.iter().flat_map(|stage| &stage.approvers);
            let texts = requirement.title.len() + requirement.reason.len();
            texts + approvers.map(|approver| approver.len() + 24).sum::<usize>()
        }
    };
    let bytes = ENTRY_BYTES + verdict + entry.decision.annotations.as_str().len();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
