//! Decisions that cannot be changed unnoticed: batches of them, each with the hash of the one before
//! it and the digest of every record in it.
//!
//! Decisions are far too many to wait for each other's place in a tenant's one chain of events. So
//! whoever writes them spins a strand of its own, and now and then the chain of events tells where
//! each strand has come to ([`crate::execution::Fact::DecisionsAnchored`]): then its end cannot be cut
//! off unnoticed either.

use serde::{Deserialize, Serialize};

use crate::binding::Tenant;
use crate::chain::Breach;
use crate::digest::Digest;

/// A place in a strand: behind a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrandPlace {
    /// Which strand of the tenant's.
    pub strand: String,
    /// The batch's number; 0 before the first.
    pub number: u64,
    /// The batch's hash; before the first one, of the names of tenant and strand.
    pub hash: Digest,
    /// When the latest request up to here was received, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// A batch in its place: all that the chain is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedBatch {
    /// Its place in the strand, from 1 and without a gap.
    pub number: u64,
    /// The SHA-256 digest of each record's text, in the order in which they were committed.
    pub digests: Vec<Digest>,
    /// When the latest of its requests was received, in milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// Hash of the batch before; of the first one, what [`StrandPlace::start`] says.
    pub previous: Digest,
    /// What [`hash_of`] gives.
    pub hash: Digest,
}

/// SHA-256 of the hash before, when the latest of a batch's requests was received (eight bytes), and the
/// digests of its records, each preceded by its length in eight bytes; numbers are little-endian. By
/// the time, batches are removed when they are old: so nobody may make them older unnoticed.
pub fn hash_of(previous: Digest, until_ms: u64, digests: &[Digest]) -> Digest {
    let until_ms = until_ms.to_le_bytes();
    let head = [&previous.as_bytes()[..], &until_ms];
    Digest::of_parts(head.into_iter().chain(digests.iter().map(|digest| &digest.as_bytes()[..])))
}

impl StrandPlace {
    /// Before a strand's first batch. No batch of one tenant or strand is ever the first of another.
    pub fn start(tenant: &Tenant, strand: impl Into<String>) -> Self {
        let strand = strand.into();
        let parts = ["writ decisions 1", tenant.as_str(), &strand];
        let hash = Digest::of_parts(parts.iter().map(|part| part.as_bytes()));
        Self { strand, number: 0, hash, until_ms: 0 }
    }

    /// Gives records the next place, and is behind it from then on.
    pub fn append(&mut self, digests: Vec<Digest>, until_ms: u64) -> ChainedBatch {
        let previous = self.hash;
        self.number += 1;
        self.hash = hash_of(previous, until_ms, &digests);
        self.until_ms = self.until_ms.max(until_ms);
        ChainedBatch { number: self.number, digests, until_ms, previous, hash: self.hash }
    }

    /// Goes on behind the next batch.
    ///
    /// # Errors
    /// What is wrong with it. From then on nothing can be said of later batches.
    pub fn follow(&mut self, batch: &ChainedBatch) -> Result<(), Breach> {
        if hash_of(batch.previous, batch.until_ms, &batch.digests) != batch.hash {
            return Err(Breach::Changed);
        }
        if batch.number > self.number + 1 {
            return Err(Breach::Missing);
        }
        if batch.number != self.number + 1 || batch.previous != self.hash {
            return Err(Breach::OutOfOrder);
        }
        (self.number, self.hash) = (batch.number, batch.hash);
        self.until_ms = self.until_ms.max(batch.until_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spun(strand: &str, records: &[&[&str]]) -> Vec<ChainedBatch> {
        let mut place = StrandPlace::start(&Tenant::default(), strand);
        let digests = |texts: &&[&str]| texts.iter().map(Digest::of).collect();
        records
            .iter()
            .enumerate()
            .map(|(at, texts)| place.append(digests(texts), at as u64))
            .collect()
    }

    /// The first batch that does not follow.
    fn check(batches: &[ChainedBatch], expected: Result<u64, (u64, Breach)>) {
        let mut place = StrandPlace::start(&Tenant::default(), "s");
        let followed = batches
            .iter()
            .try_for_each(|batch| place.follow(batch).map_err(|breach| (batch.number, breach)));
        assert_eq!(followed.map(|()| place.number), expected);
    }

    #[test]
    fn what_was_spun_can_be_followed() {
        let batches = spun("s", &[&["a", "b"], &["c"], &["d"]]);
        check(&batches, Ok(3));
        check(&[], Ok(0));
        assert_eq!(batches[2].until_ms, 2);
    }

    #[test]
    fn what_was_changed_removed_or_put_elsewhere_is_found() {
        let batches = spun("s", &[&["a", "b"], &["c"], &["d"]]);
        let with = |change: &dyn Fn(&mut Vec<ChainedBatch>)| {
            let mut changed = batches.clone();
            change(&mut changed);
            changed
        };
        check(&with(&|all| all[0].digests.swap(0, 1)), Err((1, Breach::Changed)));
        check(&with(&|all| all[1].digests.push(Digest::of("x"))), Err((2, Breach::Changed)));
        check(&with(&|all| all[1].previous = Digest::of("x")), Err((2, Breach::Changed)));
        check(&with(&|all| all[1].until_ms = 0), Err((2, Breach::Changed)));
        check(&with(&|all| drop(all.remove(1))), Err((3, Breach::Missing)));
        check(&with(&|all| all[1].number = 1), Err((1, Breach::OutOfOrder)));
        check(
            &with(&|all| all[2] = ChainedBatch { number: 3, ..all[0].clone() }),
            Err((3, Breach::OutOfOrder)),
        );
        check(&spun("t", &[&["a"]]), Err((1, Breach::OutOfOrder)));
    }

    #[test]
    fn a_batch_of_two_is_not_two_batches() {
        let (one, two) = (spun("s", &[&["a", "b"]]), spun("s", &[&["a"], &["b"]]));
        assert_ne!(one.last().map(|batch| batch.hash), two.last().map(|batch| batch.hash));
    }
}
