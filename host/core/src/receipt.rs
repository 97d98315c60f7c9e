//! Receipts: one decision as one text, with all that shows that it was made, and lets anybody make it
//! again who has the components.
//!
//! What is checked here needs no key: that each part is the one that was signed, that the decision is
//! the one of its digest, that the digest is in its place, and that the batch's hash is of what it says.
//! Who signed it is for whoever has keys.

use serde::{Deserialize, Serialize};

use crate::binding::Tenant;
use crate::digest::Digest;
use crate::strand::{StrandPlace, hash_of};
use crate::text::visible;
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
    /// When the latest of the batch's requests was received, in milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// Digests of all of the batch's records, in order.
    pub digests: Vec<Digest>,
    /// The batch's hash.
    pub hash: Digest,
}

/// A signature by Ed25519 (RFC 8032) on [`Signature::signed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Names the key: its thumbprint (RFC 7638).
    pub kid: String,
    /// The public key, in base64url without padding (`x` of RFC 8037).
    pub key: String,
    /// What was signed.
    pub parts: Parts,
    /// The 64 bytes.
    pub value: Bytes,
}

/// Digests of the parts of a receipt, so that one that was changed can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Of the tenant's name.
    pub tenant: Digest,
    /// Of the decision's text.
    pub decision: Digest,
    /// Of the policy set's text.
    pub policy_set: Digest,
    /// Of the place: its texts, numbers and digests.
    pub chain: Digest,
}

/// The first part of a receipt that is not what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is another kind of text.
    #[error("`format` is `{}`, and not `{FORMAT}`", visible(.0))]
    Format(String),
    /// A part is another one.
    #[error("`{0}` is not what was signed: `signature.parts.{0}` is of another one")]
    Part(&'static str),
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
    /// A strand begins with something else.
    #[error("`chain.previous` is not where the strand `{}` of this tenant begins", visible(.0))]
    Start(String),
    /// The batch is another one.
    #[error("`chain.hash` is not of `chain.previous`, `chain.until_ms` and `chain.digests`")]
    Hash,
}

impl Place {
    /// Digest of everything that it says, each part preceded by its length.
    fn digest(&self) -> Digest {
        let Self { strand, batch, place, previous, until_ms, digests, hash } = self;
        let numbers = [batch, place, until_ms].map(|number| number.to_le_bytes());
        let texts = [strand.as_bytes()].into_iter().chain(numbers.iter().map(|bytes| &bytes[..]));
        let digests = [previous, hash].into_iter().chain(digests);
        Digest::of_parts(texts.chain(digests.map(|digest| &digest.as_bytes()[..])))
    }
}

impl Parts {
    /// Those of a receipt.
    pub fn of(tenant: &Tenant, decision: &Verbatim, set: &Verbatim, chain: &Place) -> Self {
        let (decision, policy_set) = (decision.digest(), set.digest());
        Self { tenant: Digest::of(tenant.as_str()), decision, policy_set, chain: chain.digest() }
    }
}

impl Signature {
    /// What is signed: the format, the key's name and the digests of all parts.
    pub fn signed(kid: &str, parts: &Parts) -> Digest {
        let Parts { tenant, decision, policy_set, chain } = parts;
        let digests = [tenant, decision, policy_set, chain].map(Digest::as_bytes);
        let texts = [FORMAT.as_bytes(), kid.as_bytes()];
        Digest::of_parts(texts.into_iter().chain(digests.into_iter().map(|bytes| &bytes[..])))
    }
}

impl Receipt {
    /// Whether every part is what another one says that it is.
    ///
    /// # Errors
    /// The first [`Flaw`].
    pub fn check(&self) -> Result<(), Flaw> {
        if self.format != FORMAT {
            return Err(Flaw::Format(self.format.clone()));
        }
        self.check_parts()?;
        let Place { strand, batch, place, previous, until_ms, digests, hash } = &self.chain;
        if *batch == 1 && *previous != StrandPlace::start(&self.tenant, strand).hash {
            return Err(Flaw::Start(strand.clone()));
        }
        let index = usize::try_from(*place).ok().and_then(|place| place.checked_sub(1));
        let expected = index.and_then(|index| digests.get(index)).copied();
        let misplaced = Flaw::Place { place: *place, digests: digests.len() };
        let expected = expected.ok_or(misplaced)?;
        let found = self.decision.digest();
        if found != expected {
            return Err(Flaw::Decision { expected, found });
        }
        match hash_of(*previous, *until_ms, digests) == *hash {
            true => Ok(()),
            false => Err(Flaw::Hash),
        }
    }

    fn check_parts(&self) -> Result<(), Flaw> {
        let Self { tenant, decision, policy_set, chain, signature, .. } = self;
        let found = Parts::of(tenant, decision, policy_set, chain);
        let pairs = [
            ("tenant", found.tenant, signature.parts.tenant),
            ("decision", found.decision, signature.parts.decision),
            ("policy_set", found.policy_set, signature.parts.policy_set),
            ("chain", found.chain, signature.parts.chain),
        ];
        let changed = pairs.into_iter().find(|(_, found, signed)| found != signed);
        changed.map_or(Ok(()), |(name, ..)| Err(Flaw::Part(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        let decision = Verbatim::new(r#"{"id":"d"}"#.into());
        let digests = vec![Digest::of("a"), decision.digest(), Digest::of("c")];
        let (previous, until_ms) = (Digest::of("before"), 9);
        let hash = hash_of(previous, until_ms, &digests);
        let strand = "s".into();
        let chain = Place { strand, batch: 7, place: 2, previous, until_ms, digests, hash };
        let (tenant, policy_set) = (Tenant::default(), Verbatim::new("{}".into()));
        let parts = Parts::of(&tenant, &decision, &policy_set, &chain);
        let (kid, key, value) = ("k".into(), "x".into(), Bytes(vec![1; 64]));
        let signature = Signature { kid, key, parts, value };
        Receipt { format: FORMAT.into(), tenant, decision, policy_set, chain, signature }
    }

    /// Changes a receipt, as somebody does who makes the parts fit, and as somebody who does not.
    #[track_caller]
    fn check(change: impl Fn(&mut Receipt), part: &str, expected: Option<&str>) {
        let (whole, mut changed) = (receipt(), receipt());
        change(&mut changed);
        let flaw = changed.check().unwrap_err().to_string();
        assert!(flaw.starts_with(&format!("`{part}`")), "{flaw}");

        let Receipt { tenant, decision, policy_set, chain, .. } = &changed;
        changed.signature.parts = Parts::of(tenant, decision, policy_set, chain);
        let flaw = changed.check().err().map(|flaw| flaw.to_string());
        match (&flaw, expected) {
            (Some(flaw), Some(part)) => assert!(flaw.starts_with(part), "{flaw}"),
            (flaw, _) => assert_eq!((flaw, expected), (&None, None)),
        }
        // What nothing else tells of, the signature does.
        let signed = |receipt: &Receipt| Signature::signed("k", &receipt.signature.parts);
        assert!(changed.format != FORMAT || signed(&changed) != signed(&whole));
    }

    #[test]
    fn the_first_batch_follows_the_start_of_its_strand() {
        let mut first = receipt();
        first.chain.batch = 1;
        let start = |receipt: &mut Receipt, hash: Digest| {
            let chain = &mut receipt.chain;
            chain.previous = hash;
            chain.hash = hash_of(hash, chain.until_ms, &chain.digests);
            let Receipt { tenant, decision, policy_set, chain, .. } = &*receipt;
            receipt.signature.parts = Parts::of(tenant, decision, policy_set, chain);
        };
        start(&mut first, Digest::of("elsewhere"));
        assert_eq!(first.check(), Err(Flaw::Start("s".into())));
        let begins = StrandPlace::start(&first.tenant, "s").hash;
        start(&mut first, begins);
        assert_eq!(first.check(), Ok(()));
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
        check(|it| it.format = "other".into(), "format", Some("`format`"));
        let other = || Verbatim::new(r#"{"id":"e"}"#.into());
        check(|it| it.decision = other(), "decision", Some("`decision`"));
        check(|it| it.chain.place = 1, "chain", Some("`decision`"));
        check(|it| it.chain.place = 0, "chain", Some("`chain.place`"));
        check(|it| it.chain.place = 4, "chain", Some("`chain.place`"));
        check(|it| it.chain.digests.swap(0, 2), "chain", Some("`chain.hash`"));
        check(|it| it.chain.previous = Digest::of("other"), "chain", Some("`chain.hash`"));
        check(|it| it.chain.until_ms = 8, "chain", Some("`chain.hash`"));
        check(|it| it.chain.hash = Digest::of("other"), "chain", Some("`chain.hash`"));
        check(|it| it.tenant = "other".parse().unwrap(), "tenant", None);
        check(|it| it.policy_set = Verbatim::new("[]".into()), "policy_set", None);
        check(|it| it.chain.strand = "t".into(), "chain", None);
        check(|it| it.chain.batch = 8, "chain", None);
        let parts = receipt().signature.parts;
        assert_ne!(Signature::signed("k", &parts), Signature::signed("l", &parts));
    }
}
