//! What is done every so often: sweeping, which removes rows whose value expired, or was deleted,
//! long enough ago, and telling how far decisions have come.
//!
//! Any number of hosts may sweep. A namespace is held while its rows go, so nothing goes that was
//! written since; and it is long after the value's end that a row goes, when no evaluation that saw
//! it can still run.

use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use writ_core::ledger::Stored;
use writ_core::ports::Namespace;

use super::backend::{Inner, Postgres};
use super::namespaces::{self, Hold};
use super::scope::{Access, Scope};
use super::storage;
use crate::error::{Failure, StoreError};
use crate::moment;

/// How many rows of a namespace are swept at once: few, since other commits wait meanwhile.
const ROWS_MAX: u32 = 64;

impl Postgres {
    pub(crate) async fn sweep(&self, now_ms: u64) -> Result<usize, StoreError> {
        Ok(self.inner.sweep(now_ms).await.map_err(Failure::from)?)
    }
}

impl Inner {
    async fn sweep(&self, now_ms: u64) -> Result<usize, sqlx::Error> {
        let mut view = self.link.begin(Scope::AllTenants, Access::Read).await?;
        let namespaces = storage::to_sweep(&mut view, now_ms, ROWS_MAX).await?;
        drop(view);
        let mut removed = 0;
        for namespace in namespaces {
            removed += self.sweep_one(&namespace, now_ms).await?;
        }
        self.link.counters.swept.fetch_add(removed as u64, Relaxed);
        Ok(removed)
    }

    async fn sweep_one(&self, namespace: &Namespace, now_ms: u64) -> Result<usize, sqlx::Error> {
        let scope = Scope::Tenant(&namespace.tenant);
        let mut transaction = self.link.begin(scope, Access::Write).await?;
        let before = namespaces::hold(&mut transaction, namespace, Hold::ToWrite).await?;
        let removed = storage::sweep(&mut transaction, namespace, now_ms, ROWS_MAX).await?;
        let mut account = before;
        for (key, stored) in &removed {
            if account.replace(key, stored, &Stored::ABSENT) {
                account.generation += 1;
            }
        }
        if account != before {
            namespaces::keep(&mut transaction, namespace, account).await?;
        }
        transaction.commit().await?;
        Ok(removed.len())
    }
}

/// Sweeps every so often for as long as the store has handles.
pub(super) async fn run(inner: Weak<Inner>, every: Duration) {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_beginning = true;
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        while sweep_some(&inner).await {}
        // The first tick is at once: what a host that begins has decided by then can wait.
        if !is_beginning {
            inner.anchor(moment::now_ms()).await;
        }
        is_beginning = false;
    }
}

async fn sweep_some(inner: &Inner) -> bool {
    match inner.sweep(moment::now_ms()).await {
        Ok(removed) => removed >= ROWS_MAX as usize,
        Err(error) => {
            tracing::warn!(%error, "storage cannot be swept");
            false
        }
    }
}
