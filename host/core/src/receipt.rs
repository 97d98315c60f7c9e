//! Receipts: one decision as one text, with all that shows that it was made, and lets anybody make it
//! again who has the components.
//!
//! What is checked here needs no key: that the decision is the one of its digest, that the digest is in
//! its place, and that the batch's hash is of what it says. Who signed it is for whoever has keys.

use serde::{Deserialize, Serialize};

use crate::binding::Tenant;
use crate::digest::Digest;
use crate::strand::hash_of;
use crate::tool::Bytes;
use crate::verbatim::Verbatim;

/// What a receipt says that it is.
pub const FORMAT: &str = "writ receipt 1";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORMAT`]
    pub format: String,
    /// For whom it was decided.
    pub tenant: Tenant,
    /// The decision's record, as it is kept.
    pub decision: Verbatim,
    /// The policy set that decided: bindings, digests of components, settings, limits.
    pub policy_set: Verbatim,
    /// Where the record is.
    pub chain: Place,
    /// Who vouches for it.
    pub signature: Signature,
}

/// A record's place among the batches of a strand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The strand's name.
    pub strand: String,
    /// The batch's number in the strand, from 1.
    pub batch: u64,
    /// The record's place in the batch, from 1.
    pub place: u64,
    /// Hash of the batch before.
    pub previous: Digest,
    /// Digests of all of the batch's records, in order.
    pub digests: Vec<Digest>,
    /// The batch's hash.
    pub hash: Digest,
}

/// A signature by Ed25519 (RFC 8032) on [`Receipt::signed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Names the key: its thumbprint (RFC 7638).
    pub kid: String,
    /// The 64 bytes.
    pub value: Bytes,
}

/// The first part of a receipt that is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is another kind of text.
    #[error("`format` is `{0}`, and not `{FORMAT}`")]
    Format(String),
    /// The batch has no such place.
    #[error("`chain.place` is {place}, and `chain.digests` has {digests}")]
    Place {
        /// What it says.
        place: u64,
        /// How many there are.
        digests: usize,
    },
    /// The record is another one.
    #[error("`decision` is not the record of digest {expected}: that of what is here is {found}")]
    Decision {
        /// What the batch has in its place.
        expected: Digest,
        /// The record's.
        found: Digest,
    },
    /// The batch is another one.
    #[error("`chain.hash` is not of `chain.previous` and `chain.digests`")]
    Hash,
}

impl Receipt {
    /// What is signed: everything, each part preceded by its length.
    pub fn signed(&self) -> Digest {
        let Place { strand, batch, place, previous, digests, hash } = &self.chain;
        let numbers = [batch.to_le_bytes(), place.to_le_bytes()];
        let texts = [
            self.format.as_str(),
            self.tenant.as_str(),
            &self.signature.kid,
            self.decision.as_str(),
            self.policy_set.as_str(),
            strand,
        ];
        let texts = texts.iter().map(|text| text.as_bytes());
        let numbers = numbers.iter().map(|number| &number[..]);
        let digests = [previous, hash].into_iter().chain(digests);
        Digest::of_parts(texts.chain(numbers).chain(digests.map(|digest| &digest.as_bytes()[..])))
    }

    /// Whether every part is what another one says that it is.
    ///
    /// # Errors
    /// The first [`Flaw`].
    pub fn check(&self) -> Result<(), Flaw> {
        if self.format != FORMAT {
            return Err(Flaw::Format(self.format.clone()));
        }
        let Place { place, previous, digests, hash, .. } = &self.chain;
        let index = usize::try_from(*place).ok().and_then(|place| place.checked_sub(1));
        let expected = index.and_then(|index| digests.get(index)).copied();
        let misplaced = Flaw::Place { place: *place, digests: digests.len() };
        let expected = expected.ok_or(misplaced)?;
        let found = self.decision.digest();
        if found != expected {
            return Err(Flaw::Decision { expected, found });
        }
        if hash_of(*previous, digests) != *hash {
            return Err(Flaw::Hash);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        let decision = Verbatim::new(r#"{"id":"d"}"#.into());
        let digests = vec![Digest::of("a"), decision.digest(), Digest::of("c")];
        let previous = Digest::of("before");
        let hash = hash_of(previous, &digests);
        let chain = Place { strand: "s".into(), batch: 7, place: 2, previous, digests, hash };
        Receipt {
            format: FORMAT.into(),
            tenant: Tenant::default(),
            decision,
            policy_set: Verbatim::new("{}".into()),
            chain,
            signature: Signature { kid: "k".into(), value: Bytes(vec![1; 64]) },
        }
    }

    #[track_caller]
    fn check(change: impl Fn(&mut Receipt), expected: Option<&str>) {
        let (whole, mut changed) = (receipt(), receipt());
        change(&mut changed);
        let flaw = changed.check().err().map(|flaw| flaw.to_string());
        let is_named = match (&flaw, expected) {
            (Some(flaw), Some(part)) => flaw.starts_with(part),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        assert!(is_named, "{flaw:?}");
        // What nothing else tells of, the signature does.
        assert_ne!(changed.signed(), whole.signed());
    }

    #[test]
    fn a_whole_receipt_is_whole_and_reads_back() {
        let whole = receipt();
        assert_eq!(whole.check(), Ok(()));
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Receipt>(&text).unwrap(), whole);
    }

    #[test]
    fn each_part_that_is_changed_is_named_or_changes_what_is_signed() {
        check(|it| it.format = "other".into(), Some("`format`"));
        check(|it| it.decision = Verbatim::new(r#"{"id":"e"}"#.into()), Some("`decision`"));
        check(|it| it.chain.place = 1, Some("`decision`"));
        check(|it| it.chain.place = 0, Some("`chain.place`"));
        check(|it| it.chain.place = 4, Some("`chain.place`"));
        check(|it| it.chain.digests.swap(0, 2), Some("`chain.hash`"));
        check(|it| it.chain.previous = Digest::of("other"), Some("`chain.hash`"));
        check(|it| it.chain.hash = Digest::of("other"), Some("`chain.hash`"));
        check(|it| it.tenant = "other".parse().unwrap(), None);
        check(|it| it.policy_set = Verbatim::new("[]".into()), None);
        check(|it| it.chain.strand = "t".into(), None);
        check(|it| it.chain.batch = 8, None);
        check(|it| it.signature.kid = "l".into(), None);
    }
}
