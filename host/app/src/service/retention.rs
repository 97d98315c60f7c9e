//! Retention: what ended long ago is removed, by whichever host comes first.
//!
//! The store removes a little at a time; here it is asked to, with pauses as long as the work, so that
//! requests have at least half of it to themselves.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use writ_core::Tenant;
use writ_store::{Holder, Store, VerifyError};

use crate::clock::now_ms;

/// How often it is looked what may go.
const EVERY: Duration = Duration::from_secs(3_600);
/// How soon it is looked again where that has failed.
const RETRY: Duration = Duration::from_secs(300);

/// For how long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For some days: 1 to 36,500.
    Days(u32),
    /// Nothing is ever removed.
    Forever,
}

impl Default for Retention {
    /// 90 days.
    fn default() -> Self {
        Self::Days(90)
    }
}

impl Retention {
    /// How long that is; none where it has no end.
    fn milliseconds(self) -> Option<u64> {
        match self {
            Self::Days(days) => Some(u64::from(days) * 86_400_000),
            Self::Forever => None,
        }
    }

    /// Sweeps now and every hour, for as long as it is let.
    pub async fn run(self, store: Store, tenant: Tenant) {
        let Some(kept_ms) = self.milliseconds() else { return };
        loop {
            let wait = match sweep(&store, &tenant, kept_ms).await {
                Ok(()) => EVERY,
                Err(VerifyError::Broken(broken)) => {
                    tracing::error!(%broken, "nothing is swept: the evidence is not whole");
                    EVERY
                }
                Err(VerifyError::Store(error)) => {
                    tracing::warn!(%error, "what is old cannot be swept; it is tried again");
                    RETRY
                }
            };
            sleep(wait).await;
        }
    }
}

async fn sweep(store: &Store, tenant: &Tenant, kept_ms: u64) -> Result<(), VerifyError> {
    let (mut executions, mut events, mut decisions) = (0, 0, 0);
    loop {
        let (started, now_ms) = (Instant::now(), now_ms());
        let removed = store.retain(tenant, now_ms.saturating_sub(kept_ms), now_ms).await?;
        executions += removed.executions;
        events += removed.events;
        decisions += removed.decisions;
        if removed.is_more {
            sleep(started.elapsed()).await;
            continue;
        }
        if events + decisions > 0 {
            tracing::info!(%tenant, executions, events, decisions, "what was old enough is removed");
        }
        if let Some(holder) = removed.held_by {
            tell(&holder);
        }
        return Ok(());
    }
}

/// Nobody else would notice that old evidence piles up.
fn tell(holder: &Holder) {
    let hint = match holder {
        Holder::Execution(_) => "see `writ executions show` and `resolve-unknown`",
        Holder::Channel(_) => "a channel that is to tell needs a host whose configuration has it",
        Holder::DeadLetter(_) => "see `writ dead-letters`",
    };
    tracing::warn!(hint, "what is old enough to go is kept, with all after it: {holder}");
}
