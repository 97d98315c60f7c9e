//! The keys that sign denials: one in use, which all hosts of a tenant share, and those before it,
//! which verify until the last denial that they signed has ended.
//!
//! They are in the store. What another host has made is learnt from a token that it signed, and
//! every so often.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use writ_core::Tenant;
use writ_core::receipt::{Parts, Signature};
use writ_store::{SigningKey, Store};

use super::signer::LIFETIME_MS;
use super::{Binding, Denial, Rejected, Signer, SignerError};
use crate::clock::now_ms;
use crate::service::Records;

/// How often the keys are read again, where other hosts share the store.
const READ_EVERY: Duration = Duration::from_secs(30);
/// For how long a retired key still verifies, in milliseconds: as long as the last denial that it
/// signed lives, on a host that was the last to hear of its end.
const RETIRED_MS: u64 = LIFETIME_MS + 2 * READ_EVERY.as_millis() as u64;

/// See the module.
pub struct Signers {
    tenant: Tenant,
    records: Records,
    /// Guards which keys there are; held for a copy, never across an await.
    ring: RwLock<Arc<Ring>>,
    /// When keys were last looked up for a token that named another; whoever sends any number of
    /// them must not have them read each time.
    looked_up_ms: Mutex<u64>,
}

/// The keys at one time.
struct Ring {
    used: Signer,
    /// Each with the time until which it verifies.
    retired: Vec<(Signer, u64)>,
}

/// How long to leave it at a look-up that has found nothing, in milliseconds.
const LOOK_UP_MS: u64 = 1_000;

impl Signers {
    /// The keys of a tenant. The first one is made where there is none: of `kept`, a key (PKCS #8)
    /// that was kept elsewhere before, where there is one.
    ///
    /// # Errors
    /// Each of [`SignerError`].
    pub async fn open(
        records: Records,
        tenant: Tenant,
        kept: Option<Vec<u8>>,
    ) -> Result<Self, SignerError> {
        let ring = match &records {
            Records::Durable(store) => first(store, &tenant, kept).await?,
            Records::Ephemeral(_) => {
                Ring { used: Signer::new(&Signer::generate()?)?, retired: Vec::new() }
            }
        };
        let (ring, looked_up_ms) = (RwLock::new(Arc::new(ring)), Mutex::new(0));
        Ok(Self { tenant, records, ring, looked_up_ms })
    }

    /// The id of the key in use.
    pub fn kid(&self) -> String {
        self.ring().used.kid().to_owned()
    }

    /// The public keys (RFC 7517, section 5) by which a denial that still counts can be checked.
    pub fn key_set(&self) -> Value {
        let ring = self.ring();
        let retired = ring.verifying(now_ms()).map(Signer::jwk);
        json!({"keys": std::iter::once(ring.used.jwk()).chain(retired).collect::<Vec<_>>()})
    }

    /// Signs what a denial at a time is about.
    pub fn sign(&self, tenant: &Tenant, binding: Binding, now_ms: u64) -> Denial {
        self.ring().used.sign(tenant, binding, now_ms)
    }

    /// Vouches for the parts of a receipt, with the key in use.
    pub fn vouch(&self, parts: Parts) -> Signature {
        self.ring().used.vouch(parts)
    }

    /// What a denial was about, and its token's own id, also where another host has signed it with
    /// a key that it has just made.
    ///
    /// # Errors
    /// [`Rejected`]
    pub async fn verify(
        &self,
        tenant: &Tenant,
        denial: &Denial,
    ) -> Result<(Binding, String), Rejected> {
        let kid = denial.kid().ok_or(Rejected::FOREIGN)?;
        let mut ring = self.ring();
        if ring.find(&kid).is_none() {
            self.look_up().await;
            ring = self.ring();
        }
        ring.find(&kid).ok_or(Rejected::FOREIGN)?.verify(tenant, denial)
    }

    /// Signs with a new key from now on, on every host; its id.
    ///
    /// # Errors
    /// Each of [`SignerError`].
    pub async fn rotate(&self) -> Result<String, SignerError> {
        if let Records::Durable(store) = &self.records {
            let now_ms = now_ms();
            let (key, forget_before_ms) =
                (fresh(Signer::generate()?)?, now_ms.saturating_sub(RETIRED_MS));
            store.rotate_signing_key(&self.tenant, &key, forget_before_ms).await?;
            self.read(store).await?;
        }
        Ok(self.kid())
    }

    /// Reads the keys again every so often, where other hosts share the store.
    pub async fn follow(&self) {
        let Records::Durable(store) = &self.records else { return };
        if !store.is_shared() {
            return;
        }
        let mut ticks = tokio::time::interval(READ_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.read(store).await.unwrap_or_else(told);
        }
    }

    /// Reads the keys again, unless that was just done.
    async fn look_up(&self) {
        let Records::Durable(store) = &self.records else { return };
        let mut looked_up_ms = self.looked_up_ms.lock().await;
        if !store.is_shared() || now_ms().saturating_sub(*looked_up_ms) < LOOK_UP_MS {
            return;
        }
        self.read(store).await.unwrap_or_else(told);
        *looked_up_ms = now_ms();
    }

    async fn read(&self, store: &Store) -> Result<(), SignerError> {
        let ring = Ring::new(&store.signing_keys(&self.tenant).await?)?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ring {
    fn new(keys: &[SigningKey]) -> Result<Self, SignerError> {
        let (mut used, mut retired) = (None, Vec::new());
        for key in keys {
            let signer = Signer::new(&key.secret)?;
            match key.retired_ms {
                None => used = Some(signer),
                Some(at_ms) => retired.push((signer, at_ms.saturating_add(RETIRED_MS))),
            }
        }
        Ok(Self { used: used.ok_or(SignerError::NoneInUse)?, retired })
    }

    /// Retired keys that verify at a time.
    fn verifying(&self, now_ms: u64) -> impl Iterator<Item = &Signer> {
        let verifying = self.retired.iter().filter(move |(_, until_ms)| *until_ms > now_ms);
        verifying.map(|(signer, _)| signer)
    }

    fn find(&self, kid: &str) -> Option<&Signer> {
        let mut all = std::iter::once(&self.used).chain(self.verifying(now_ms()));
        all.find(|signer| signer.kid() == kid)
    }
}

/// The keys in a store, with the first one made where none is in use.
async fn first(store: &Store, tenant: &Tenant, kept: Option<Vec<u8>>) -> Result<Ring, SignerError> {
    let keys = store.signing_keys(tenant).await?;
    if keys.iter().any(|key| key.retired_ms.is_none()) {
        return Ring::new(&keys);
    }
    let secret = kept.map_or_else(Signer::generate, Ok)?;
    store.keep_signing_key(tenant, &fresh(secret)?).await?;
    // Another host's, where it was first.
    Ring::new(&store.signing_keys(tenant).await?)
}

fn fresh(secret: Vec<u8>) -> Result<SigningKey, SignerError> {
    let kid = Signer::new(&secret)?.kid().to_owned();
    Ok(SigningKey { kid, created_ms: now_ms(), secret, retired_ms: None })
}

fn told(error: SignerError) {
    tracing::warn!(%error, "the keys that sign denials cannot be read");
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_store::StoreConfig;

    fn binding() -> Binding {
        let (evaluation_id, binding_hash) = ("e".to_owned(), "h".to_owned());
        Binding { evaluation_id, binding_context_members: Vec::new(), binding_hash }
    }

    async fn store(directory: &tempfile::TempDir) -> Store {
        Store::open(StoreConfig::new(directory.path().join("data"))).await.unwrap()
    }

    async fn open(store: &Store, kept: Option<Vec<u8>>) -> Signers {
        Signers::open(Records::Durable(store.clone()), Tenant::default(), kept).await.unwrap()
    }

    #[tokio::test]
    async fn a_retired_key_verifies_until_its_last_denial_has_ended() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let (signers, tenant) = (open(&store, None).await, Tenant::default());
        let (old, denial) = (signers.kid(), signers.sign(&tenant, binding(), now_ms()));
        let new = signers.rotate().await.unwrap();
        assert_ne!((new.as_str(), signers.kid()), (old.as_str(), old.clone()));
        assert_eq!(signers.verify(&tenant, &denial).await.unwrap().0, binding());
        assert_eq!(signers.key_set()["keys"].as_array().unwrap().len(), 2);

        let ring = Ring::new(&store.signing_keys(&tenant).await.unwrap()).unwrap();
        let retired_ms = ring.retired[0].1 - RETIRED_MS;
        let known = |at_ms| ring.verifying(at_ms).count();
        assert_eq!((known(retired_ms + LIFETIME_MS), known(retired_ms + RETIRED_MS)), (1, 0));
    }

    #[tokio::test]
    async fn a_key_that_was_kept_elsewhere_is_taken_over_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let kept = Signer::generate().unwrap();
        let signers = open(&store, Some(kept.clone())).await;
        assert_eq!(signers.kid(), Signer::new(&kept).unwrap().kid());
        let again = open(&store, Some(Signer::generate().unwrap())).await;
        assert_eq!(again.kid(), signers.kid());
    }

    #[tokio::test]
    async fn a_denial_of_nobody_known_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let signers = open(&store(&directory).await, None).await;
        let records = Records::Ephemeral(Default::default());
        let others = Signers::open(records, Tenant::default(), None).await.unwrap();
        let mut denial = others.sign(&Tenant::default(), binding(), now_ms());
        for _ in 0..2 {
            let refused = signers.verify(&Tenant::default(), &denial).await;
            assert_eq!(refused, Err(Rejected::FOREIGN));
            denial.token = "none".into();
        }
    }
}
