//! Remembers evaluations that called no import.
//!
//! Such an evaluation is a pure function of image and request (decision 3), so the same question
//! need not be asked twice. Only verdicts are remembered, never faults.
//!
//! Where most requests are new, most of what is kept is never asked for, so keeping must cost next to
//! nothing: with `moka` it was a tenth of a decision by three policies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use writ_core::{Digest, PolicyDecision, Verdict};

/// What one entry takes beside its texts, measured: the verdict, its key, and the cache's own
/// book-keeping.
const ENTRY_BYTES: usize = 320;

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
    cache: Option<Cache<Key, Arc<Remembered>, Weight>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Memo {
    /// Room for about `bytes_max` bytes; 0 remembers nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let entries = usize::try_from(bytes_max).unwrap_or(usize::MAX) / ENTRY_BYTES;
        let cache = (bytes_max > 0).then(|| Cache::with_weighter(entries, bytes_max, Weight));
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

/// What a verdict takes of the room, in bytes.
#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<Remembered>> for Weight {
    fn weight(&self, _: &Key, entry: &Arc<Remembered>) -> u64 {
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
        (ENTRY_BYTES + verdict + entry.decision.annotations.as_str().len()) as u64
    }
}
