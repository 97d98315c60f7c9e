//! The turn of one event: its attempts, and what is sent between them.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use writ_core::ChainedEvent;
use writ_store::{Store, StoreError};

use super::super::delivery::{Again, Attempts, Unsent};
use super::super::{Channel, Notice};
use super::PAGE;

/// What has one event taken.
pub(super) struct Turn<'a> {
    store: &'a Store,
    channel: &'a Channel,
    event: ChainedEvent,
    /// What is told of it at first.
    first: Option<Notice>,
    changes: watch::Receiver<u64>,
    /// The last event that was sent ahead of its own turn.
    ahead: u64,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        store: &'a Store,
        channel: &'a Channel,
        event: ChainedEvent,
        first: Notice,
    ) -> Self {
        let (changes, ahead) = (store.changes(), event.sequence);
        Self { store, channel, event, first: Some(first), changes, ahead }
    }

    /// Sends what comes later, each event once, until some time or until nothing is taken. What is
    /// not taken, and what cannot be read, waits for its own turn.
    async fn send_ahead(&mut self, end: Instant) -> Result<(), StoreError> {
        loop {
            self.changes.borrow_and_update();
            let tenant = &self.event.tenant;
            let page = self.store.events_page(tenant, None, self.ahead, PAGE).await?;
            if page.is_empty()
                && !matches!(timeout_at(end, self.changes.changed()).await, Ok(Ok(())))
            {
                return Ok(());
            }
            for event in page {
                if Instant::now() >= end {
                    return Ok(());
                }
                let sequence = event.sequence;
                if self.channel.wants(&event)
                    && let Ok(notice) = Notice::of(event, self.store).await
                    && let Err(Unsent { again: Again::Later, .. }) =
                        self.channel.receiver.send(&notice).await
                {
                    return Ok(());
                }
                self.ahead = sequence;
            }
        }
    }
}

impl Attempts for Turn<'_> {
    /// Each attempt after the first tells what is so then: a question may have been answered
    /// meanwhile.
    async fn send(&mut self) -> Result<(), Unsent> {
        let notice =
            match self.first.take() {
                Some(notice) => notice,
                None => Notice::of(self.event.clone(), self.store).await.map_err(|error| {
                    Unsent { error: error.to_string(), again: Again::Later, retry_after: None }
                })?,
            };
        self.channel.receiver.send(&notice).await
    }

    /// A receiver that takes other events gets them meanwhile. Only one that does not take the same
    /// event twice says so: each of them still has its turn.
    async fn rest(&mut self, wait: Duration, again: Again) {
        let end = Instant::now() + wait;
        if again == Again::LaterAlone
            && let Err(error) = self.send_ahead(end).await
        {
            tracing::debug!(%error, "what comes later waits for its turn");
        }
        sleep_until(end).await;
    }
}
