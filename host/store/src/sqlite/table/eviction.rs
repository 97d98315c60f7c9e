//! Which keys are resident, in the order in which they are considered for eviction, and stamps
//! that tell whether a key was evicted while it was being loaded.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use writ_core::ledger::Stored;
use writ_core::ports::Namespace;

/// How many groups keys fall into, by hash. Two keys of one group share their stamp, which costs a
/// second load when one is evicted while the other is loaded.
const GROUPS: usize = 1_024;
/// What a resident key takes beyond its value, about, in bytes: entry, queue, twice the hash map.
const ENTRY_BYTES: usize = 192;
/// How many keys are considered at once, so that a table whose keys are all in use costs no more.
const STEPS_MAX: usize = 64;

/// When a key was last evicted, as a count of its group's evictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// The stamps of all keys at one time.
#[derive(Clone, Debug)]
pub(crate) struct Stamps {
    groups: Box<[Stamp]>,
    hasher: RandomState,
}

/// The resident keys. Evicts in the order of arrival, but gives each key that was used since it was
/// last considered another round.
#[derive(Debug)]
pub(crate) struct Residents {
    order: VecDeque<(Arc<Namespace>, Arc<str>)>,
    stamps: Stamps,
    bytes: usize,
    bytes_max: usize,
}

impl Stamps {
    pub(crate) fn of(&self, namespace: &Namespace, key: &str) -> Stamp {
        self.groups[self.group(namespace, key)]
    }

    fn group(&self, namespace: &Namespace, key: &str) -> usize {
        self.hasher.hash_one((namespace, key)) as usize % GROUPS
    }

    fn renew(&mut self, namespace: &Namespace, key: &str) {
        let group = self.group(namespace, key);
        self.groups[group].0 += 1;
    }
}

impl Residents {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let stamps = Stamps { groups: vec![Stamp(0); GROUPS].into(), hasher: RandomState::new() };
        Self { order: VecDeque::new(), stamps, bytes: 0, bytes_max }
    }

    pub(crate) fn stamp(&self, namespace: &Namespace, key: &str) -> Stamp {
        self.stamps.of(namespace, key)
    }

    pub(crate) fn stamps(&self) -> Stamps {
        self.stamps.clone()
    }

    pub(crate) fn is_current(&self, namespace: &Namespace, key: &str, stamp: Stamp) -> bool {
        self.stamp(namespace, key) == stamp
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn add(&mut self, namespace: Arc<Namespace>, key: Arc<str>, stored: &Stored) {
        self.bytes += ENTRY_BYTES + key.len() + value_bytes(stored);
        self.order.push_back((namespace, key));
    }

    pub(crate) fn resize(&mut self, before: &Stored, after: &Stored) {
        self.bytes = self.bytes + value_bytes(after) - value_bytes(before);
    }

    /// Evicts until the rest fits. `remove` removes a key that may go and returns what it held.
    pub(crate) fn evict(
        &mut self,
        mut remove: impl FnMut(&Arc<Namespace>, &Arc<str>) -> Option<Stored>,
    ) {
        let steps = self.order.len().min(STEPS_MAX);
        for _ in 0..steps {
            if self.bytes <= self.bytes_max {
                return;
            }
            let Some((namespace, key)) = self.order.pop_front() else { return };
            match remove(&namespace, &key) {
                Some(stored) => {
                    self.bytes -= ENTRY_BYTES + key.len() + value_bytes(&stored);
                    self.stamps.renew(&namespace, &key);
                }
                None => self.order.push_back((namespace, key)),
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.order.clear();
        self.bytes = 0;
        self.stamps.groups.iter_mut().for_each(|stamp| stamp.0 += 1);
    }
}

fn value_bytes(stored: &Stored) -> usize {
    stored.value.as_ref().map_or(0, Vec::len)
}
