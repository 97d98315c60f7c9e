//! What other hosts do to executions that are waited for here.
//!
//! Who waits is woken by whoever changes an execution, on the same host. Where hosts share the
//! database, the events that others make are read as they come, and wake those who wait here.

use writ_core::Tenant;
use writ_store::StoreError;

use super::Executions;

/// How many events are read at once.
const PAGE: u32 = 256;

impl Executions {
    /// Wakes those who wait for what other hosts change, for as long as there is a store. Where nobody
    /// else can change anything, there is nothing to do.
    pub async fn follow(self, tenant: Tenant) {
        if !self.store.is_shared() {
            return;
        }
        let mut changes = self.store.changes();
        let mut last = None;
        loop {
            match self.wake(&tenant, last).await {
                Ok(place) => last = Some(place),
                // Nobody is woken in vain, and the next change is told as well.
                Err(error) => tracing::warn!(%error, "events of other hosts cannot be read"),
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Wakes those who wait for what the events after a place tell of. Returns the last place.
    async fn wake(&self, tenant: &Tenant, after: Option<u64>) -> Result<u64, StoreError> {
        let Some(mut last) = after.filter(|_| !self.waiting.is_empty()) else {
            let last = self.store.last_sequence(tenant).await?;
            // Who has joined meanwhile may have read the execution before the last event.
            self.waiting.tell_all();
            return Ok(last);
        };
        loop {
            let page = self.store.events_page(tenant, None, last, PAGE).await?;
            let Some(event) = page.last() else { return Ok(last) };
            last = event.sequence;
            page.iter().for_each(|event| self.waiting.tell(&event.execution));
        }
    }
}
