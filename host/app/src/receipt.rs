//! Receipts of decisions: made by whoever has the store, and checked by anybody who has the components.
//!
//! A receipt is checked without a server: its parts, its signature, and by deciding once more on the same
//! components with what the store answered then.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use writ_core::receipt::{FORMAT, Flaw, Parts, Receipt, Signature};
use writ_core::tool::Bytes;
use writ_core::{Digest, Tenant, Verbatim};
use writ_engine::{Engine, Order};
use writ_store::{PlacedDecision, Store, StoreError, StoredDecision};

use crate::access_request::{Signers, thumbprint};
use crate::builtin;
use crate::policy_set::{StoredSet, Unloadable};
use crate::service::replay::{Again, Difference, Unrepeatable};

/// There is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    /// There is no such decision, or it is in no batch.
    #[error(
        "there is no decision `{0}` in a batch\nhint: decisions are removed in time, and those of earlier versions are in no batch"
    )]
    Decision(String),
    /// The policy set that decided is not kept.
    #[error("the policy set {0} that decided is not kept")]
    PolicySet(Digest),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A receipt is not right.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// A part is not what another one says.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The key has another name.
    #[error("`signature.kid` is not the thumbprint of `signature.key`")]
    Kid,
    /// Whoever checks does not know the key.
    #[error("`signature.kid` names the key {0}, which is none of those that are trusted")]
    Stranger(String),
    /// Somebody else signed, or something else.
    #[error("`signature.value` is no signature of `signature.parts` by `signature.key`")]
    Signature,
    /// The record is none.
    #[error("`decision` is no record of a decision: {0}")]
    Decision(serde_json::Error),
    /// The policy set is none.
    #[error("`policy_set` is no policy set: {0}")]
    PolicySet(String),
    /// Another set decided.
    #[error("`policy_set` is the set {found}, and `decision` was made by {expected}")]
    OtherSet {
        /// What the decision says.
        expected: Digest,
        /// What is here.
        found: Digest,
    },
    /// A component is not here.
    #[error(
        "the component {0} is needed to decide again, and is not here\nhint: name its file with `--component`"
    )]
    Component(Digest),
    /// A policy does not load here.
    #[error(transparent)]
    Unloadable(#[from] Unloadable),
    /// It cannot be decided again.
    #[error(transparent)]
    Unrepeatable(#[from] Unrepeatable),
    /// Something else is decided.
    #[error("decided again, it is not the same: {0}")]
    Difference(#[from] Difference),
}

/// Makes the receipt of a decision.
///
/// # Errors
/// [`NoReceipt`]
pub async fn issue(
    store: &Store,
    signers: &Signers,
    tenant: &Tenant,
    id: &str,
) -> Result<Receipt, NoReceipt> {
    let placed = store.placed_decision(tenant, id).await?;
    let placed = placed.ok_or_else(|| NoReceipt::Decision(id.to_owned()))?;
    let PlacedDecision { decision, text, place: chain } = placed;
    let set = store.set_version_of(tenant, decision.policy_set).await?;
    let policy_set = set.ok_or(NoReceipt::PolicySet(decision.policy_set))?.document;
    let policy_set = Verbatim::new(policy_set);
    let parts = Parts::of(tenant, &text, &policy_set, &chain);
    let signature = signers.vouch(parts);
    let (format, tenant) = (FORMAT.to_owned(), tenant.clone());
    let receipt = Receipt { format, tenant, decision: text, policy_set, chain, signature };
    // Nobody vouches for what the store has only half.
    match receipt.check() {
        Ok(()) => Ok(receipt),
        Err(flaw) => {
            let (id, reason) = (id.to_owned(), flaw.to_string());
            Err(StoreError::Damaged { what: "decision", id, reason }.into())
        }
    }
}

/// A receipt that is whole and signed: what it says.
#[derive(Debug)]
pub struct Checked {
    /// The decision.
    pub decision: StoredDecision,
    /// By what.
    pub set: StoredSet,
    tenant: Tenant,
}

impl Checked {
    /// Checks parts, chain and signature; the latter by one of `trusted`, where there are such.
    ///
    /// # Errors
    /// [`Wrong`], the first thing.
    pub fn of(receipt: &Receipt, trusted: Option<&KeySet>) -> Result<Self, Wrong> {
        receipt.check()?;
        let Signature { kid, key, parts, value: Bytes(value) } = &receipt.signature;
        if thumbprint(key) != *kid {
            return Err(Wrong::Kid);
        }
        if trusted.is_some_and(|trusted| !trusted.has(key)) {
            return Err(Wrong::Stranger(kid.clone()));
        }
        let public = URL_SAFE_NO_PAD.decode(key).map_err(|_| Wrong::Kid)?;
        let signed = Signature::signed(kid, parts);
        let public = UnparsedPublicKey::new(&ED25519, public);
        public.verify(signed.as_bytes(), value).map_err(|_| Wrong::Signature)?;
        let decision: StoredDecision = receipt.decision.read().map_err(Wrong::Decision)?;
        let set: StoredSet =
            receipt.policy_set.read().map_err(|error| Wrong::PolicySet(error.to_string()))?;
        let (expected, found) = (decision.policy_set, set.digest().map_err(Wrong::PolicySet)?);
        match expected == found {
            true => Ok(Self { decision, set, tenant: receipt.tenant.clone() }),
            false => Err(Wrong::OtherSet { expected, found }),
        }
    }

    /// Whether a component had a part in the decision.
    pub fn is_of(&self, component: &Digest) -> bool {
        self.set.components().contains(component)
    }

    /// Decides the same again, on components that are at hand: starter policies, and those of
    /// `given`.
    ///
    /// # Errors
    /// [`Wrong`], where it cannot be decided again, or another way.
    pub async fn decide_again(
        &self,
        engine: &Engine,
        given: &BTreeMap<Digest, Vec<u8>>,
    ) -> Result<Again, Wrong> {
        let mut components = BTreeMap::new();
        for digest in self.set.components() {
            let found = given.get(&digest).map(|bytes| Cow::Borrowed(bytes.as_slice()));
            let found = found
                .or_else(|| builtin::with_digest(&digest).map(|found| Cow::Borrowed(found.bytes)));
            components.insert(digest, found.ok_or(Wrong::Component(digest))?);
        }
        let snapshot = self.set.clone().load_from(engine, &components).await?;
        let again = Again::decide(&snapshot, &self.tenant, &self.decision, Order::Recorded).await?;
        match again.difference(&self.decision) {
            Some(difference) => Err(difference.into()),
            None => Ok(again),
        }
    }
}

/// Keys that somebody trusts: a JWK Set (RFC 7517).
#[derive(Debug, Deserialize)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
}

impl KeySet {
    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|trusted| trusted.crv == "Ed25519" && trusted.x == key)
    }
}
