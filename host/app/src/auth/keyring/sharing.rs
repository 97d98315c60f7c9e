//! Keys that other hosts make and end, where they share the database.
//!
//! They are read again as soon as the store tells of a change. One that is not known is looked up
//! before it is refused, so that a key works on every host once its maker has it.

use std::sync::Arc;
use std::time::Duration;

use writ_core::{Key, KeyId, Principal};
use writ_store::Store;

use super::{Keyring, Unknown};
use crate::service::Records;

/// How many unknown keys are looked up at the same time: whoever sends any number of them must not
/// have all of the database's connections.
pub(super) const LOOK_UPS_MAX: usize = 2;
/// How long to rest before keys are read again where that has failed.
const REST: Duration = Duration::from_secs(1);

impl Keyring {
    /// Whom a key's text names at a time, also where another host has just made it.
    ///
    /// # Errors
    /// Why it names nobody.
    pub async fn principal_anywhere(
        &self,
        text: &str,
        now_ms: u64,
    ) -> Result<Arc<Principal>, Unknown> {
        match self.principal(text, now_ms) {
            Err(Unknown::NoSuchKey(id)) => {
                self.look_up(id).await;
                self.principal(text, now_ms)
            }
            known => known,
        }
    }

    /// Reads keys again whenever other hosts have changed some, for as long as there is a store.
    /// Where nobody else can, there is nothing to do.
    pub async fn follow(&self) {
        let Some(store) = self.shared() else { return };
        let mut changes = store.key_changes();
        // What was changed since they were read for the first time is read again.
        changes.mark_changed();
        while changes.changed().await.is_ok() {
            match store.keys(&self.tenant).await {
                Ok(keys) => keys.into_iter().for_each(|key| self.learn(key)),
                Err(error) => {
                    tracing::warn!(%error, "keys that other hosts have changed cannot be read");
                    tokio::time::sleep(REST).await;
                    changes.mark_changed();
                }
            }
        }
    }

    /// The store, where other hosts share it.
    fn shared(&self) -> Option<&Store> {
        match &self.records {
            Records::Durable(store) => store.is_shared().then_some(store),
            Records::Ephemeral(_) => None,
        }
    }

    /// Learns of a key that another host may have made.
    pub(super) async fn look_up(&self, id: KeyId) {
        let Some(store) = self.shared() else { return };
        let _turn = self.look_ups.acquire().await.expect("the semaphore is never closed");
        match store.key(&self.tenant, id).await {
            Ok(found) => found.into_iter().for_each(|key| self.learn(key)),
            Err(error) => tracing::warn!(%error, "a key that is not known cannot be looked up"),
        }
    }

    /// A key as it was read. What was revoked here meanwhile stays so.
    fn learn(&self, read: Key) {
        let mut keys = self.write();
        let known = keys.get(&read.id).and_then(|known| known.revoked_at_ms);
        keys.insert(read.id, Key { revoked_at_ms: read.revoked_at_ms.or(known), ..read });
    }
}
