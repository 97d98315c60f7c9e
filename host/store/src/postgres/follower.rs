//! Follows what all hosts do: how many events there are, and how often keys, policy
//! sets and rollouts have changed.
//!
//! It asks whenever the database tells of a change, and every so often in case it did not.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::backend::Inner;
use super::rows::number;
use super::scope::{Access, Scope};

/// Places are given without a gap, so the last ones tell how many there are. Keys are never removed.
const COUNTS: &str = "SELECT
    (SELECT coalesce(sum(sequence), 0)::bigint FROM chains) AS events,
    (SELECT count(*) + count(revoked_at_ms) FROM api_keys) AS keys,
    (SELECT coalesce(sum(changes), 0)::bigint FROM policy_active)
        + (SELECT coalesce(sum(changes), 0)::bigint FROM policy_rollouts) AS sets";

/// How long what is told is gathered: under load, several transactions tell in that time.
const GATHER: Duration = Duration::from_millis(2);

/// How much has happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) keys: u64,
    pub(super) sets: u64,
}

/// Looks at each ring and every so often, for as long as the store has handles.
pub(super) async fn run(inner: Weak<Inner>, bell: Arc<Notify>, every: Duration) {
    let mut is_behind = false;
    loop {
        if tokio::time::timeout(every, bell.notified()).await.is_ok() {
            tokio::time::sleep(GATHER).await;
        }
        let Some(inner) = inner.upgrade() else { return };
        match inner.counts().await {
            Ok(counts) => {
                inner.publish(counts);
                is_behind = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_behind, true) {
                    tracing::warn!(%error, "the database cannot be asked what has happened");
                }
            }
        }
    }
}

impl Inner {
    pub(super) async fn counts(&self) -> Result<Counts, sqlx::Error> {
        let mut view = self.link.begin(Scope::AllTenants, Access::Read).await?;
        let row = sqlx::query(COUNTS).fetch_one(&mut *view).await?;
        Ok(Counts {
            events: number(&row, "events")?,
            keys: number(&row, "keys")?,
            sets: number(&row, "sets")?,
        })
    }

    pub(super) fn publish(&self, counts: Counts) {
        let told = [
            (&self.events, counts.events),
            (&self.key_changes, counts.keys),
            (&self.set_changes, counts.sets),
        ];
        for (watched, count) in told {
            watched.send_if_modified(|known| std::mem::replace(known, count) != count);
        }
    }
}
