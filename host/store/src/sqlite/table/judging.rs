//! Whether a commit holds, and what it changes in memory.

use std::sync::Arc;

use writ_core::ledger::Stored;

use super::{Entry, Judgement, Table};
use crate::claim::Claim;
use crate::row::StorageRow;

impl Table {
    pub(super) fn judge_resident(&mut self, claims: &[Claim]) -> Judgement {
        if !claims.iter().all(|claim| self.is_complete(claim)) {
            return Judgement::Incomplete;
        }
        let in_conflict = |(at, claim): &(usize, &Claim)| {
            // Two claims on one namespace could each hold, and not both.
            let repeated = claims[..*at].iter().any(|other| other.namespace == claim.namespace);
            repeated || !self.holds(claim)
        };
        let conflicts: Vec<_> = claims.iter().enumerate().filter(in_conflict).collect();
        if !conflicts.is_empty() {
            let namespaces = conflicts.into_iter().map(|(_, claim)| claim.namespace.clone());
            return Judgement::Conflict(namespaces.collect());
        }
        self.sequence += u64::from(claims.iter().any(|claim| !claim.writes.is_empty()));
        for claim in claims {
            self.apply(claim);
        }
        Judgement::Accepted(self.sequence)
    }

    fn is_complete(&self, claim: &Claim) -> bool {
        self.spaces.get(&claim.namespace).is_some_and(|space| {
            claim.keys().all(|key| space.entries.contains_key(key))
                && (space.account.is_some() || !claim.needs_account())
        })
    }

    /// Whether all that a claim saw is still so, and what it wants still fits.
    fn holds(&self, claim: &Claim) -> bool {
        let space = &self.spaces[&claim.namespace];
        let version = |key: &Arc<str>| space.entries[key].stored.version;
        let follows = |row: &StorageRow| {
            row.stored.version == 0 || row.stored.version == version(&row.key) + 1
        };
        let generation = space.account.map(|account| account.generation);
        claim.reads.iter().all(|(key, seen)| version(key) == *seen)
            && claim.writes.iter().all(follows)
            && claim.generation.is_none_or(|seen| Some(seen) == generation)
            && space.account.is_none_or(|account| {
                let stored = |key: &Arc<str>| &space.entries[key].stored;
                account.grown(claim.writes.iter().map(|row| (row, stored(&row.key)))).fits(claim)
            })
    }

    fn apply(&mut self, claim: &Claim) {
        if claim.writes.is_empty() {
            return;
        }
        let complete = "a claim is complete before it is applied";
        let space = self.spaces.get_mut(&claim.namespace).expect(complete);
        let account = space.account.as_mut().expect(complete);
        space.written = self.sequence;
        for row in &claim.writes {
            let entry = space.entries.get_mut(&row.key).expect(complete);
            let stored = match row.stored.version {
                0 => Stored { version: self.version_floor, ..Stored::ABSENT },
                _ => row.stored.clone(),
            };
            if account.replace(&row.key, &entry.stored, &stored) {
                self.generation += 1;
                account.generation = self.generation;
            }
            self.residents.resize(&entry.stored, &stored);
            *entry = Entry { stored, written: self.sequence, used: true };
        }
    }
}
