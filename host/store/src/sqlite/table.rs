//! What storage holds, in memory: the only place where commits are judged.
//!
//! INVARIANT: a key that is resident is as the last accepted commit left it, durable or not. A key
//! that is not resident is durable, and the database has its newest version. So a commit is judged
//! by resident keys alone, and it is queued for the writer under the same lock, so that commits
//! become durable in the order in which they were judged.
//!
//! It does no I/O: its owner loads what is missing and offers it, with the stamp that it was given
//! before it loaded. An offer whose stamp is old is refused, since what was loaded may be older
//! than what has been committed, made durable and evicted in the meantime.

mod eviction;
mod judging;

use std::collections::HashMap;
use std::sync::Arc;

use writ_core::ledger::{Stored, Usage};
use writ_core::ports::Namespace;

use self::eviction::Residents;
pub(crate) use self::eviction::{Stamp, Stamps};
use crate::account::Account;
use crate::claim::Claim;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table {
    spaces: HashMap<Arc<Namespace>, Space>,
    residents: Residents,
    /// Grows with each commit that writes.
    sequence: u64,
    /// Every commit up to this one is durable, or has failed and been forgotten.
    durable: u64,
    /// The last generation given to any namespace; never repeats, so that none is mistaken.
    generation: u64,
    /// Above every version that was lost, see [`Table::forget`].
    version_floor: u64,
    /// How often everything was forgotten.
    epoch: u64,
}

#[derive(Debug, Default)]
struct Space {
    entries: HashMap<Arc<str>, Entry>,
    account: Option<Account>,
    /// The last commit that wrote here.
    written: u64,
}

#[derive(Debug)]
struct Entry {
    stored: Stored,
    /// The last commit that wrote this.
    written: u64,
    /// Whether it was read or written since it was last considered for eviction.
    used: bool,
}

/// What was loaded for a table, to be offered to it.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) keys: Vec<(Arc<Namespace>, Arc<str>, Stamp, Stored)>,
    pub(crate) accounts: Vec<(Arc<Namespace>, u64, Usage)>,
}

/// What a table says of a commit.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// Something is not in memory.
    Incomplete,
    /// What was seen of these namespaces is no longer so.
    Conflict(Vec<Arc<Namespace>>),
    /// Kept in memory: now make it durable, as the commit of this sequence.
    Accepted(u64),
}

impl Table {
    /// An empty table that keeps about `bytes_max` bytes of durable keys.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            spaces: HashMap::new(),
            residents: Residents::new(bytes_max),
            sequence: 0,
            durable: 0,
            generation: 0,
            version_floor: 0,
            epoch: 0,
        }
    }

    /// A key, or the stamp with which to offer it once it is loaded.
    pub(crate) fn key(&mut self, namespace: &Namespace, key: &str) -> Result<Stored, Stamp> {
        let entry = self.spaces.get_mut(namespace).and_then(|space| space.entries.get_mut(key));
        match entry {
            Some(entry) => {
                entry.used = true;
                Ok(entry.stored.clone())
            }
            None => Err(self.residents.stamp(namespace, key)),
        }
    }

    /// Usage and generation of a namespace, or the epoch with which to offer its usage.
    pub(crate) fn account(&self, namespace: &Namespace) -> Result<Account, u64> {
        self.spaces.get(namespace).and_then(|space| space.account).ok_or(self.epoch)
    }

    /// Whether the database lacks something that was accepted for a namespace.
    pub(crate) fn is_ahead(&self, namespace: &Namespace) -> bool {
        self.spaces.get(namespace).is_some_and(|space| space.written > self.durable)
    }

    /// The stamp with which to offer a key that is about to be loaded.
    pub(crate) fn stamp(&self, namespace: &Namespace, key: &str) -> Stamp {
        self.residents.stamp(namespace, key)
    }

    /// The stamps of all keys, for loading keys that are not known beforehand.
    pub(crate) fn stamps(&self) -> Stamps {
        self.residents.stamps()
    }

    /// The version that a key of this version has once it is loaded.
    pub(crate) fn version_loaded(&self, version: u64) -> u64 {
        version.max(self.version_floor)
    }

    /// Takes a key that was loaded, and returns what it is; none where the stamp is old: load again.
    pub(crate) fn offer_key(
        &mut self,
        namespace: &Namespace,
        key: &str,
        stamp: Stamp,
        stored: Stored,
    ) -> Option<Stored> {
        let keys = vec![(Arc::new(namespace.clone()), key.into(), stamp, stored)];
        self.take(Loaded { keys, ..Loaded::default() });
        let current = self.key(namespace, key).ok();
        self.evict();
        current
    }

    /// Takes a usage that was loaded, unless it is outdated.
    pub(crate) fn offer_usage(&mut self, namespace: &Namespace, epoch: u64, usage: Usage) {
        let accounts = vec![(Arc::new(namespace.clone()), epoch, usage)];
        self.take(Loaded { accounts, ..Loaded::default() });
    }

    /// Judges a commit and, if nothing speaks against it, keeps it. Takes what was loaded for it
    /// first, and evicts nothing before it is judged, so that a commit with many keys cannot push
    /// out its own.
    pub(crate) fn judge(&mut self, claims: &[Claim], loaded: Loaded) -> Judgement {
        self.take(loaded);
        let judgement = self.judge_resident(claims);
        self.evict();
        judgement
    }

    /// Notes that every commit up to one is durable.
    pub(crate) fn note_durable(&mut self, sequence: u64) {
        self.durable = self.durable.max(sequence);
        self.evict();
    }

    /// Forgets everything, since a commit could not be made durable and with it what was built on
    /// it. Evaluations under way may have seen what is now lost, and the versions they saw must
    /// never come again: what is loaded from now on has a version above all that was lost.
    pub(crate) fn forget(&mut self) {
        let entries = self.spaces.values().flat_map(|space| space.entries.values());
        let lost = entries.filter(|entry| entry.written > self.durable);
        let floor = lost.map(|entry| entry.stored.version + 1).max();
        self.version_floor = self.version_floor.max(floor.unwrap_or(0));
        self.durable = self.sequence;
        self.epoch += 1;
        self.spaces.clear();
        self.residents.clear();
    }

    /// Memory that resident keys take, about, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.residents.bytes()
    }

    fn take(&mut self, loaded: Loaded) {
        for (namespace, key, stamp, stored) in loaded.keys {
            if self.residents.is_current(&namespace, &key, stamp) {
                self.insert(namespace, key, stored);
            }
        }
        for (namespace, epoch, usage) in loaded.accounts {
            let space = self.spaces.entry(namespace).or_default();
            if epoch == self.epoch && space.account.is_none() {
                self.generation += 1;
                space.account = Some(Account { usage, generation: self.generation });
            }
        }
    }

    fn insert(&mut self, namespace: Arc<Namespace>, key: Arc<str>, stored: Stored) {
        let version = self.version_loaded(stored.version);
        let space = self.spaces.entry(namespace.clone()).or_default();
        space.entries.entry(key.clone()).or_insert_with(|| {
            self.residents.add(namespace, key, &stored);
            Entry { stored: Stored { version, ..stored }, written: 0, used: false }
        });
    }

    /// Drops durable keys that were not used lately, until the rest fits.
    fn evict(&mut self) {
        let Self { spaces, residents, durable, .. } = self;
        residents.evict(|namespace, key| {
            let entries = &mut spaces.get_mut(namespace)?.entries;
            let entry = entries.get_mut(key)?;
            let stays = std::mem::take(&mut entry.used) || entry.written > *durable;
            if stays { None } else { entries.remove(key).map(|entry| entry.stored) }
        });
    }
}

#[cfg(test)]
mod tests;
