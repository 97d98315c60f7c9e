//! Remembers evaluations that called no import.
//!
//! Such an evaluation is a pure function of image and request (decision 3), so the same question
//! need not be asked twice. Only verdicts are remembered, never faults.
//!
//! Where most requests are new, most of what is kept is never asked for, so keeping must cost next to
//! nothing: with `moka` it was a tenth of a decision by three policies.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use writ_core::{Digest, PolicyDecision, Verdict};

/// What one entry takes beside its texts: the verdict, its key, and the cache's own book-keeping. With
/// the default room 260 to 330 bytes were measured; it may be more where tables have just doubled.
const ENTRY_BYTES: usize = 320;
/// How large a part of the cache is at least, where there is more than one: each has a lock of its own,
/// and keeps no verdict that is larger.
const PART_BYTES_MIN: u64 = 1 << 19;
const PARTS_MAX: u64 = 64;

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
    cache: Option<Cache<Key, Arc<Remembered>, Weight, RandomState>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Memo {
    /// Room for about `bytes_max` bytes; 0 remembers nothing.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let cache = (bytes_max > 0).then(|| {
            let entries = usize::try_from(bytes_max).unwrap_or(usize::MAX) / ENTRY_BYTES;
            let mut options = OptionsBuilder::new();
            options
                .estimated_items_capacity(entries)
                .weight_capacity(bytes_max)
                .shards(parts(bytes_max));
            let options = options.build().expect("both capacities are set");
            Cache::with_options(options, Weight, RandomState::new(), DefaultLifecycle::default())
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

/// Into how many parts so many bytes are divided: a power of two.
fn parts(bytes_max: u64) -> usize {
    let parts = (bytes_max / PART_BYTES_MIN).clamp(1, PARTS_MAX);
    1 << parts.ilog2()
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

#[cfg(test)]
mod tests {
    use writ_core::Json;

    use super::*;

    fn digest(number: u32) -> Digest {
        Digest::of_parts([&number.to_le_bytes()[..]])
    }

    fn denied(reason: &str) -> Remembered {
        let annotations = Json::parse("{}").unwrap();
        let decision =
            PolicyDecision { verdict: Verdict::Deny { reason: reason.into() }, annotations };
        Remembered { decision, fuel: 1, memory_bytes: 1 }
    }

    #[test]
    fn what_is_kept_fits_into_the_room() {
        for bytes_max in [1 << 10, 1 << 20, 12 << 20] {
            let memo = Memo::new(bytes_max);
            let room = u32::try_from(bytes_max).unwrap();
            for number in 0..room / 100 {
                memo.insert(1, &digest(number), || denied("no"));
            }
            let kept = memo.cache.as_ref().unwrap().weight();
            assert!((bytes_max / 2..=bytes_max).contains(&kept), "{kept} of {bytes_max}");
        }
    }

    #[test]
    fn a_verdict_that_is_larger_than_a_part_is_not_kept() {
        let memo = Memo::new(12 << 20);
        let reason = "x".repeat(1 << 19);
        memo.insert(1, &digest(1), || denied(&reason));
        memo.insert(1, &digest(2), || denied(&reason[1..]));
        memo.insert(1, &digest(3), || denied(&"x".repeat(1 << 20)));
        assert!(memo.get(1, &digest(1)).is_some() && memo.get(1, &digest(2)).is_some());
        assert!(memo.get(1, &digest(3)).is_none());
    }

    #[test]
    fn a_room_is_divided_into_parts_of_half_a_mebibyte_at_least() {
        let rooms = [1 << 10, 1 << 19, (1 << 20) - 1, 1 << 20, 12 << 20, 32 << 20, 64 << 30];
        assert_eq!(rooms.map(parts), [1, 1, 1, 2, 16, 64, 64]);
    }
}
