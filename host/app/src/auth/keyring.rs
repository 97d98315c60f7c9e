//! The keys of a tenant, in memory: read when the host starts, changed when an operator says so.
//!
//! A key is durable before it is told; a key that is revoked opens nothing from then on, even where
//! the disk fails. Where other hosts share the database, they may change keys too.

mod sharing;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use constant_time_eq::constant_time_eq_32;
use tokio::sync::Semaphore;
use writ_core::key::Standing;
use writ_core::{Key, KeyId, Principal, Tenant};
use writ_store::StoreError;

use super::text::{self, Fresh};
use super::{Draft, Secret, TokenFault};
use crate::service::Records;

/// How many keys a host keeps, those that have ended included: each takes about half a kilobyte.
const KEYS_MAX: usize = 200_000;

/// The keys of a tenant.
pub struct Keyring {
    tenant: Tenant,
    records: Records,
    // Guards the keys; held for one lookup or one change, never across an await.
    keys: RwLock<HashMap<KeyId, Key>>,
    look_ups: Semaphore,
}

/// A key that was just made, with the text that is told once and never again.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is kept of it.
    pub key: Key,
    /// What its owner sends.
    pub text: Secret,
}

/// A token names nobody: why, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is none, or it is none that this host could read.
    Unreadable,
    /// No key has this id.
    NoSuchKey(KeyId),
    /// It has the id of a key and not its secret.
    WrongSecret(KeyId),
    /// It has ended.
    Ended(KeyId, Standing),
    /// It is a token of an issuer, and is not good.
    Token(TokenFault),
}

/// A key is not made or ended.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key has this id.
    #[error("there is no key `{0}`")]
    Unknown(KeyId),
    /// There are as many as the host keeps.
    #[error("the host keeps {KEYS_MAX} keys at most, those that have ended included")]
    Full,
    /// The operating system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keyring {
    /// Reads the keys of a tenant.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn open(records: Records, tenant: Tenant) -> Result<Self, StoreError> {
        let kept = match &records {
            Records::Durable(store) => store.keys(&tenant).await?,
            Records::Ephemeral(_) => Vec::new(),
        };
        let keys = kept.into_iter().map(|key| (key.id, key)).collect();
        let look_ups = Semaphore::new(sharing::LOOK_UPS_MAX);
        Ok(Self { tenant, records, keys: RwLock::new(keys), look_ups })
    }

    /// Whose keys they are.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Whom a key's text names at a time. Costs a hash and a lookup.
    ///
    /// # Errors
    /// Why it names nobody.
    pub fn principal(&self, text: &str, now_ms: u64) -> Result<Arc<Principal>, Unknown> {
        let (id, digest) = text::parse(text).ok_or(Unknown::Unreadable)?;
        let keys = self.read();
        let key = keys.get(&id).ok_or(Unknown::NoSuchKey(id))?;
        if !constant_time_eq_32(digest.as_bytes(), key.secret.as_bytes()) {
            return Err(Unknown::WrongSecret(id));
        }
        match key.standing(now_ms) {
            Standing::Valid => Ok(key.principal.clone()),
            ended @ (Standing::Expired | Standing::Revoked) => Err(Unknown::Ended(id, ended)),
        }
    }

    /// Makes a key. Durable when this returns.
    ///
    /// # Errors
    /// Each of [`KeyError`] but [`KeyError::Unknown`].
    pub async fn create(&self, draft: Draft, now_ms: u64) -> Result<Issued, KeyError> {
        let issued = self.issue(draft, now_ms)?;
        if let Records::Durable(store) = &self.records {
            store.create_key(issued.key.clone()).await?;
        }
        self.write().insert(issued.key.id, issued.key.clone());
        Ok(issued)
    }

    /// Makes the first key, where there never was one: of several hosts that begin at once, one makes
    /// it. None where another has. Durable when this returns.
    ///
    /// # Errors
    /// Each of [`KeyError`] but [`KeyError::Unknown`].
    pub async fn create_first(
        &self,
        draft: Draft,
        now_ms: u64,
    ) -> Result<Option<Issued>, KeyError> {
        let issued = self.issue(draft, now_ms)?;
        if let Records::Durable(store) = &self.records
            && !store.create_first_key(issued.key.clone()).await?
        {
            let keys = store.keys(&self.tenant).await?;
            self.write().extend(keys.into_iter().map(|key| (key.id, key)));
            return Ok(None);
        }
        self.write().insert(issued.key.id, issued.key.clone());
        Ok(Some(issued))
    }

    fn issue(&self, draft: Draft, now_ms: u64) -> Result<Issued, KeyError> {
        let Fresh { id, text, digest } = self.fresh()?;
        let Draft { person, roles, groups, lifetime_ms } = draft;
        let principal = Principal { tenant: self.tenant.clone(), person, roles, groups };
        let key = Key {
            id,
            principal: Arc::new(principal),
            secret: digest,
            created_at_ms: now_ms,
            expires_at_ms: lifetime_ms.map(|lifetime| now_ms.saturating_add(lifetime)),
            revoked_at_ms: None,
        };
        Ok(Issued { key, text })
    }

    /// Ends a key. It opens nothing from now on, and never again once this returns.
    ///
    /// # Errors
    /// [`KeyError::Unknown`]; [`KeyError::Store`] where a restart could bring it back.
    pub async fn revoke(&self, id: KeyId, now_ms: u64) -> Result<(), KeyError> {
        if !self.read().contains_key(&id) {
            self.look_up(id).await;
        }
        {
            let mut keys = self.write();
            let key = keys.get_mut(&id).ok_or(KeyError::Unknown(id))?;
            key.revoked_at_ms.get_or_insert(now_ms);
        }
        if let Records::Durable(store) = &self.records {
            store.revoke_key(&self.tenant, id, now_ms).await?;
        }
        Ok(())
    }

    /// Every key, also those that have ended, oldest first.
    pub fn list(&self) -> Vec<Key> {
        let mut keys: Vec<_> = self.read().values().cloned().collect();
        keys.sort_by_key(|key| (key.created_at_ms, key.id));
        keys
    }

    /// How many keys name somebody at a time.
    pub fn valid(&self, now_ms: u64) -> usize {
        self.read().values().filter(|key| key.standing(now_ms) == Standing::Valid).count()
    }

    /// Whether there never was a key.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    fn fresh(&self) -> Result<Fresh, KeyError> {
        if self.read().len() >= KEYS_MAX {
            return Err(KeyError::Full);
        }
        loop {
            let fresh = text::fresh().map_err(KeyError::Random)?;
            if !self.read().contains_key(&fresh.id) {
                return Ok(fresh);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<KeyId, Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<KeyId, Key>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("no token that can be read"),
            Self::NoSuchKey(id) => write!(f, "there is no key `{id}`"),
            Self::WrongSecret(id) => write!(f, "the secret of key `{id}` is another"),
            Self::Ended(id, standing) => write!(f, "key `{id}` is {}", standing.as_str()),
            Self::Token(fault) => write!(f, "a token is not good: {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::Role;

    async fn keyring() -> Keyring {
        let records = Records::Ephemeral(Default::default());
        Keyring::open(records, Tenant::default()).await.unwrap()
    }

    fn draft(lifetime_s: Option<u64>) -> Draft {
        Draft::new("ann".parse().unwrap(), [Role::Agent], [], lifetime_s).unwrap()
    }

    #[tokio::test]
    async fn a_key_names_its_principal_until_it_ends() {
        let keys = keyring().await;
        let Issued { key, text } = keys.create(draft(Some(1)), 1_000).await.unwrap();
        let at = |now_ms| keys.principal(text.expose(), now_ms);
        assert_eq!(at(1_999), Ok(key.principal.clone()));
        assert_eq!(at(2_000), Err(Unknown::Ended(key.id, Standing::Expired)));
        keys.revoke(key.id, 1_500).await.unwrap();
        assert_eq!(at(1_999), Err(Unknown::Ended(key.id, Standing::Revoked)));
        assert_eq!((keys.valid(1_999), keys.is_empty()), (0, false));
    }

    #[tokio::test]
    async fn another_secret_or_another_id_names_nobody() {
        let keys = keyring().await;
        let one = keys.create(draft(None), 0).await.unwrap();
        let two = keys.create(draft(None), 0).await.unwrap();
        let secret = two.text.expose().rsplit_once(two.key.id.as_str()).unwrap().1.to_owned();
        let mixed = format!("writ_{}{secret}", one.key.id);
        assert_eq!(keys.principal(&mixed, 0), Err(Unknown::WrongSecret(one.key.id)));
        let stranger = text::fresh().unwrap();
        let refused = keys.principal(stranger.text.expose(), 0);
        assert_eq!(refused, Err(Unknown::NoSuchKey(stranger.id)));
        assert_eq!(keys.principal("writ_", 0), Err(Unknown::Unreadable));
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_revoked() {
        let id = text::fresh().unwrap().id;
        assert!(
            matches!(keyring().await.revoke(id, 0).await, Err(KeyError::Unknown(known)) if known == id)
        );
    }
}
