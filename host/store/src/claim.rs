//! What a commit claims of one namespace: what it saw, and what it wants there.

use std::sync::Arc;

use writ_core::Ledger;
use writ_core::ledger::{Stored, Usage};
use writ_core::ports::Namespace;

use crate::row::StorageRow;

/// A ledger, taken apart.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) namespace: Arc<Namespace>,
    /// Keys with the versions that must still be theirs.
    pub(crate) reads: Vec<(Arc<str>, u64)>,
    /// The generation that must still be the namespace's, where its keys were listed.
    pub(crate) generation: Option<u64>,
    pub(crate) writes: Vec<StorageRow>,
    /// What the namespace may hold at most once this has grown it.
    pub(crate) quota: Usage,
}

impl Claim {
    /// None where nothing was read: then nothing was written either.
    pub(crate) fn new(namespace: Arc<Namespace>, ledger: &Ledger) -> Option<Self> {
        let writes: Vec<_> = ledger
            .writes()
            .map(|write| {
                let namespace = namespace.clone();
                StorageRow::new(namespace, write.key.into(), write.stored, ledger.now_ms())
            })
            .collect();
        if ledger.is_empty() && writes.is_empty() {
            return None;
        }
        Some(Self {
            reads: ledger.reads().map(|(key, version)| (key.into(), version)).collect(),
            generation: ledger.generation(),
            writes,
            quota: ledger.quota(),
            namespace,
        })
    }

    /// What each ledger that read something claims.
    pub(crate) fn of_each(ledgers: Vec<(Arc<Namespace>, Ledger)>) -> Vec<Self> {
        let claim = |(namespace, ledger)| Self::new(namespace, &ledger);
        ledgers.into_iter().filter_map(claim).collect()
    }

    /// Claims that a key of some version goes.
    pub(crate) fn removal(namespace: Arc<Namespace>, key: Arc<str>, version: u64) -> Self {
        let removed = StorageRow {
            namespace: namespace.clone(),
            key: key.clone(),
            stored: Stored::ABSENT,
            sweep_at_ms: None,
        };
        Self {
            namespace,
            reads: vec![(key, version)],
            generation: None,
            writes: vec![removed],
            quota: Usage { keys: u64::MAX, bytes: u64::MAX },
        }
    }

    /// Every key that must be in memory to judge the claim.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.reads.iter().map(|(key, _)| key).chain(self.writes.iter().map(|row| &row.key))
    }

    /// Whether usage and generation of the namespace must be in memory to judge the claim.
    pub(crate) fn needs_account(&self) -> bool {
        self.generation.is_some() || !self.writes.is_empty()
    }
}
