//! Evidence that cannot be changed unnoticed: a tenant's events, each with the hash of the one
//! before it.
//!
//! Whoever has a chain can tell that no event in it was changed, removed or put elsewhere, without
//! trusting who kept it. What a chain cannot tell is whether its end was cut off, or all of it was
//! made anew: for that, compare its [`Head`] with one that was noted elsewhere.

use serde::{Deserialize, Serialize};

use crate::binding::Tenant;
use crate::canonical;
use crate::digest::Digest;
use crate::execution::Fact;

/// What happened, before it has a place in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// To which execution, by id; empty where it happened to the tenant or to the chain itself.
    pub execution: String,
    /// The execution's version afterwards.
    pub version: u64,
    /// Digest of the execution afterwards, as canonical JSON ([`crate::Execution::canonical`]).
    pub state: Digest,
    /// What.
    pub fact: Fact,
    /// Whether the next event happened together with it, so that a chain does not end here.
    pub goes_on: bool,
}

impl Evidence {
    /// What happened to a tenant and to none of its executions. `about` names what it leaves.
    pub fn of_tenant(at_ms: u64, about: Digest, fact: Fact) -> Self {
        Self { at_ms, execution: String::new(), version: 0, state: about, fact, goes_on: false }
    }
}

/// One event of a tenant, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedEvent {
    /// Whose.
    pub tenant: Tenant,
    /// Its place, from 1 and without a gap.
    pub sequence: u64,
    /// When it happened, in milliseconds since the Unix epoch. Not always in the order of places.
    pub at_ms: u64,
    /// To which execution, by id; empty where it happened to the tenant or to the chain itself.
    pub execution: String,
    /// The execution's version afterwards. Several events of one transition have the same.
    pub version: u64,
    /// Digest of the execution afterwards, as canonical JSON ([`crate::Execution::canonical`]).
    pub state: Digest,
    /// What happened.
    pub fact: Fact,
    /// Whether the next event happened together with it, so that a chain does not end here.
    pub goes_on: bool,
    /// Hash of the event before; of the first one, what [`Head::start`] says.
    pub previous: Digest,
    /// SHA-256 of [`ChainedEvent::canonical`].
    pub hash: Digest,
}

/// The end of a chain: all that is needed to go on, or to say later that nothing was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose.
    pub tenant: Tenant,
    /// The last event's place; 0 where there is none.
    pub sequence: u64,
    /// The last event's hash.
    pub hash: Digest,
}

/// Where a chain begins once its older events have been removed: after a place that an event in the
/// chain itself vouches for ([`Fact::Swept`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The last event that was removed; [`Head::start`] where none was.
    pub head: Head,
    /// Until when events have been removed, in milliseconds since the Unix epoch; 0 where none was.
    pub until_ms: u64,
}

/// Follows a chain from its start.
#[derive(Clone, Debug)]
pub struct Verifier {
    head: Head,
}

/// The first place where a chain does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} {breach}")]
pub struct Break {
    /// Which place.
    pub sequence: u64,
    /// What is wrong there.
    pub breach: Breach,
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// What it says does not give its hash.
    #[error("was changed")]
    Changed,
    /// A later one is where it should be.
    #[error("is missing")]
    Missing,
    /// It is whole, but not the one that follows the one before it.
    #[error("is out of order")]
    OutOfOrder,
}

impl ChainedEvent {
    /// The canonical JSON text (RFC 8785) of everything but the hash: what is hashed, and kept.
    pub fn canonical(&self) -> String {
        #[derive(Serialize)]
        struct Hashed<'a> {
            at_ms: u64,
            execution: &'a str,
            fact: &'a Fact,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            goes_on: bool,
            previous: Digest,
            sequence: u64,
            state: Digest,
            tenant: &'a Tenant,
            version: u64,
        }
        let Self { tenant, sequence, at_ms, execution, version, state, fact, goes_on, .. } = self;
        canonical::text(&Hashed {
            at_ms: *at_ms,
            execution,
            fact,
            goes_on: *goes_on,
            previous: self.previous,
            sequence: *sequence,
            state: *state,
            tenant,
            version: *version,
        })
    }

    /// Reads what [`ChainedEvent::canonical`] wrote. Whether the hash is right is another question.
    ///
    /// # Errors
    /// Where the text is no event.
    pub fn parse(canonical: &str, hash: Digest) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Hashed {
            tenant: Tenant,
            sequence: u64,
            at_ms: u64,
            execution: String,
            version: u64,
            state: Digest,
            fact: Fact,
            #[serde(default)]
            goes_on: bool,
            previous: Digest,
        }
        let Hashed { tenant, sequence, at_ms, execution, version, state, fact, goes_on, previous } =
            serde_json::from_str(canonical)?;
        Ok(Self {
            tenant,
            sequence,
            at_ms,
            execution,
            version,
            state,
            fact,
            goes_on,
            previous,
            hash,
        })
    }
}

impl Head {
    /// Before a tenant's first event: the hash is of the tenant's name, so that no event of one
    /// tenant is ever the first of another.
    pub fn start(tenant: Tenant) -> Self {
        let parts = ["writ events 1", tenant.as_str()];
        let hash = Digest::of_parts(parts.iter().map(|part| part.as_bytes()));
        Self { tenant, sequence: 0, hash }
    }

    /// Gives what happened the next place, and is that place's head from then on.
    pub fn append(&mut self, evidence: Evidence) -> ChainedEvent {
        let Evidence { at_ms, execution, version, state, fact, goes_on } = evidence;
        let mut event = ChainedEvent {
            tenant: self.tenant.clone(),
            sequence: self.sequence + 1,
            at_ms,
            execution,
            version,
            state,
            fact,
            goes_on,
            previous: self.hash,
            hash: self.hash,
        };
        event.hash = Digest::of(event.canonical());
        (self.sequence, self.hash) = (event.sequence, event.hash);
        event
    }
}

impl Anchor {
    /// Of a chain of which nothing was removed.
    pub fn start(tenant: Tenant) -> Self {
        Self { head: Head::start(tenant), until_ms: 0 }
    }

    /// Whether an event that tells of a removal tells of the one that led here.
    pub fn is_told_by(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Swept { to, hash, until_ms, .. } => {
                (*to, *hash, *until_ms) == (self.head.sequence, self.head.hash, self.until_ms)
            }
            _ => false,
        }
    }
}

impl Verifier {
    /// Follows a tenant's chain from its first event.
    pub fn new(tenant: Tenant) -> Self {
        Self::after(Head::start(tenant))
    }

    /// Follows a chain from a head that is trusted, for instance one that was noted elsewhere.
    pub fn after(head: Head) -> Self {
        Self { head }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// What is wrong, and where. From then on nothing can be said of later events.
    pub fn take(&mut self, event: &ChainedEvent) -> Result<(), Break> {
        let expected = self.head.sequence + 1;
        let broken = |sequence, breach| Err(Break { sequence, breach });
        if Digest::of(event.canonical()) != event.hash {
            return broken(expected, Breach::Changed);
        }
        if event.sequence > expected {
            return broken(expected, Breach::Missing);
        }
        let follows = event.sequence == expected && event.previous == self.head.hash;
        if !follows || event.tenant != self.head.tenant {
            return broken(event.sequence, Breach::OutOfOrder);
        }
        (self.head.sequence, self.head.hash) = (event.sequence, event.hash);
        Ok(())
    }

    /// The end of what was taken so far.
    pub fn head(&self) -> &Head {
        &self.head
    }
}

#[cfg(test)]
mod tests;
