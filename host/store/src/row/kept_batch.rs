//! Batches of decisions as they are kept, whatever somebody may have made of them.

use std::borrow::Cow;

use serde::Deserialize;
use writ_core::Digest;
use writ_core::strand::ChainedBatch;

use super::StoredDecision;
use crate::error::StoreError;
use crate::sealing::{Opener, SealError, Sealed};

/// A batch's row.
#[derive(Debug)]
pub(crate) struct KeptBatch {
    pub(crate) strand: String,
    pub(crate) number: u64,
    pub(crate) first_id: String,
    pub(crate) last_id: String,
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) decisions: u64,
    pub(crate) digests: Vec<u8>,
    pub(crate) previous: Vec<u8>,
    pub(crate) hash: Vec<u8>,
    pub(crate) body: String,
}

/// What of a record is also in its batch's row.
#[derive(Debug, Deserialize)]
struct Brief {
    id: String,
    received_at_ms: u64,
}

/// What is wrong with the records of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The row tells otherwise of them.
    Row,
    /// One is not what its digest is of: its place, from 1, and its id as far as that can be told.
    Record(usize, Option<String>),
}

impl KeptBatch {
    /// What of it the chain is made of; none where it does not hold as many digests as it says.
    pub(crate) fn link(&self) -> Option<ChainedBatch> {
        let digest = |bytes: &[u8]| Some(Digest::from_bytes(bytes.try_into().ok()?));
        let digests: Vec<_> = self.digests.chunks(32).map(digest).collect::<Option<_>>()?;
        if digests.len() as u64 != self.decisions {
            return None;
        }
        let (previous, hash) = (digest(&self.previous)?, digest(&self.hash)?);
        Some(ChainedBatch { number: self.number, digests, until_ms: self.until_ms, previous, hash })
    }

    /// The records, each a line.
    pub(crate) fn open(&self, opener: Opener<'_>) -> Result<Cow<'_, str>, SealError> {
        opener.open(Sealed::Decisions, (&self.strand, self.number), &self.body)
    }

    /// The record of the decision with an id, where it is in here, and its place from 1.
    pub(crate) fn find(
        &self,
        opener: Opener<'_>,
        id: &str,
    ) -> Result<Option<(u64, String)>, StoreError> {
        let named = serde_json::Value::from(id);
        let begins = format!("{{\"id\":{named},");
        let body = self.open(opener)?;
        let mut lines = (1..).zip(body.lines());
        let found = lines.find(|(_, line)| line.starts_with(&begins));
        Ok(found.map(|(place, line)| (place, line.to_owned())))
    }

    /// All decisions, in the order of commitment.
    pub(crate) fn all(&self, opener: Opener<'_>) -> Result<Vec<StoredDecision>, StoreError> {
        self.open(opener)?.lines().map(|line| self.read(line)).collect()
    }

    /// The decision that a record is.
    pub(crate) fn read(&self, line: &str) -> Result<StoredDecision, StoreError> {
        serde_json::from_str(line).map_err(|reason| StoreError::Damaged {
            what: "batch of decisions",
            id: format!("{}/{}", self.strand, self.number),
            reason: reason.to_string(),
        })
    }

    /// Whether the records are those of the digests, and the row tells of them what they say.
    pub(crate) fn check(&self, body: &str, digests: &[Digest]) -> Result<(), Flaw> {
        let mut lines = body.lines();
        let (mut first, mut last) = (None, None);
        let (mut from_ms, mut until_ms) = (u64::MAX, 0);
        for (at, digest) in digests.iter().enumerate() {
            let line = lines.next().unwrap_or_default();
            let brief = serde_json::from_str::<Brief>(line).ok();
            let Some(brief) = brief.as_ref().filter(|_| Digest::of(line) == *digest) else {
                return Err(Flaw::Record(at + 1, brief.map(|brief| brief.id)));
            };
            first = first.into_iter().chain([brief.id.clone()]).min();
            last = last.into_iter().chain([brief.id.clone()]).max();
            from_ms = from_ms.min(brief.received_at_ms);
            until_ms = until_ms.max(brief.received_at_ms);
        }
        if lines.next().is_some() {
            return Err(Flaw::Record(digests.len() + 1, None));
        }
        let ids = (first.as_ref(), last.as_ref());
        let is_so = ids == (Some(&self.first_id), Some(&self.last_id))
            && (from_ms, until_ms) == (self.from_ms, self.until_ms);
        if is_so { Ok(()) } else { Err(Flaw::Row) }
    }
}
