//! The task of one channel: takes its events in order, and has each confirmed or given up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{interval, sleep};
use uuid::Uuid;
use writ_core::ChainedEvent;
use writ_store::{ChannelLease, Store, StoreError, Told, Untold};

use super::delivery::{GivenUp, Unsent};
use super::{Channel, Notice};
use crate::clock::now_ms;
use crate::points;

/// How long after its host's death a channel is still.
const LEASE: Duration = Duration::from_secs(10);
/// How often a lease is renewed while it is used.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How long to wait where another host tells, or the store cannot answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How many events are read at once.
const PAGE: u32 = 256;
/// How many events of no interest are passed over before that is kept.
const PASSED_MAX: u64 = 4_096;

/// Tells one channel's events.
pub(super) struct Courier {
    store: Store,
    channel: Arc<Channel>,
    changes: watch::Receiver<u64>,
    /// A name that no other process has.
    holder: String,
    lease: Option<ChannelLease>,
    /// The place before which nothing is of interest; not kept.
    passed: u64,
}

/// Telling was broken off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// Somebody else has the channel.
    #[error("another host tells")]
    Lost,
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Courier {
    pub(super) fn new(store: Store, channel: Arc<Channel>) -> Self {
        let changes = store.changes();
        let holder = Uuid::now_v7().to_string();
        Self { store, channel, changes, holder, lease: None, passed: 0 }
    }

    /// Tells until the sender of `stopped` is dropped.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        loop {
            let told = tokio::select! {
                told = self.round() => told,
                _ = stopped.changed() => break,
            };
            if let Err(error) = told {
                let channel = self.channel.id.name.as_str();
                tracing::warn!(channel, %error, "a channel pauses");
                self.lease = None;
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    _ = stopped.changed() => break,
                }
            }
        }
        if let Err(error) = self.give_back().await {
            tracing::warn!(%error, "a channel's lease was not given back, and has to run out");
        }
    }

    /// Tells what there is to tell, or waits until there may be something.
    async fn round(&mut self) -> Result<(), Broken> {
        self.changes.borrow_and_update();
        let Some(state) = self.store.channel(&self.channel.id).await? else {
            // Somebody has given it up while this host tells it: it is new again.
            let channel = self.channel.id.name.as_str();
            tracing::warn!(channel, "the channel was given up; it begins with what happens next");
            self.store.open_channel(&self.channel.id).await?;
            return Ok(());
        };
        let first = state.next.max(self.passed);
        let tenant = &self.channel.id.tenant;
        let page = self.store.events_page(tenant, None, first - 1, PAGE).await?;
        let Some(last) = page.last().map(|event| event.sequence) else {
            self.give_back().await?;
            // The sender is the store's, which lives as long as this does.
            self.changes.changed().await.ok();
            return Ok(());
        };
        let is_wanted = page.iter().any(|event| self.channel.wants(event));
        if !is_wanted && last - state.next < PASSED_MAX {
            self.passed = last + 1;
            return Ok(());
        }
        let Some(lease) = self.lease().await? else {
            sleep(PAUSE).await;
            return Ok(());
        };
        if self.store.channel(&self.channel.id).await?.is_none_or(|now| now.next != state.next) {
            // Whoever had the channel before has told some of it.
            return Ok(());
        }
        points::pass("channel.leased");
        self.holding(&lease, Box::pin(self.tell(&lease, page, last + 1))).await
    }

    /// Has each event of interest confirmed or given up, and moves on.
    async fn tell(
        &self,
        lease: &ChannelLease,
        page: Vec<ChainedEvent>,
        end: u64,
    ) -> Result<(), Broken> {
        for event in page.into_iter().filter(|event| self.channel.wants(event)) {
            let next = event.sequence + 1;
            let given_up = self.deliver(event).await?;
            points::pass("channel.told-unrecorded");
            self.advance(lease, Told { next, given_up }).await?;
            points::pass("channel.advanced");
        }
        self.advance(lease, Told { next: end, given_up: None }).await
    }

    /// What is given up, where the receiver does not confirm.
    async fn deliver(&self, event: ChainedEvent) -> Result<Option<Untold>, Broken> {
        let sequence = event.sequence;
        let given_up = match Notice::of(event.clone(), &self.store).await {
            Ok(notice) => self.tell_as_it_is(event, notice).await.err(),
            Err(error @ (StoreError::Damaged { .. } | StoreError::Sealed(_))) => {
                Some(GivenUp { attempts: 0, error: error.to_string() })
            }
            Err(error) => return Err(error.into()),
        };
        Ok(given_up.map(|GivenUp { attempts, error }| {
            let channel = self.channel.id.name.as_str();
            tracing::error!(channel, sequence, attempts, error, "an event is a dead letter");
            let id = Uuid::now_v7().to_string();
            Untold { id, sequence, attempts, error, at_ms: now_ms() }
        }))
    }

    /// Each attempt after the first tells what is so then: a question may have been answered meanwhile.
    async fn tell_as_it_is(&self, event: ChainedEvent, first: Notice) -> Result<(), GivenUp> {
        let Channel { receiver, retry, .. } = &*self.channel;
        let (mut known, event) = (Some(first), &event);
        let attempt = || {
            let known = known.take();
            async move {
                let notice = match known {
                    Some(notice) => notice,
                    None => Notice::of(event.clone(), &self.store).await.map_err(|error| {
                        Unsent { error: error.to_string(), retry: true, retry_after: None }
                    })?,
                };
                receiver.send(&notice).await
            }
        };
        retry.attempt(attempt).await
    }

    async fn advance(&self, lease: &ChannelLease, told: Told) -> Result<(), Broken> {
        let holds = self.store.advance_channel(lease, told).await?;
        if holds { Ok(()) } else { Err(Broken::Lost) }
    }

    /// Works under a lease, and keeps it meanwhile.
    async fn holding(
        &self,
        lease: &ChannelLease,
        work: impl Future<Output = Result<(), Broken>>,
    ) -> Result<(), Broken> {
        // Both go on side by side: the work may be in a transaction that holds the channel's row,
        // for which keeping the lease waits.
        tokio::select! {
            done = work => done,
            lost = self.keep(lease) => lost,
        }
    }

    /// Renews a lease until it is lost.
    async fn keep(&self, lease: &ChannelLease) -> Result<(), Broken> {
        let mut beat = interval(RENEW_EVERY);
        loop {
            beat.tick().await;
            if !self.store.renew_channel(lease, until_ms()).await? {
                return Err(Broken::Lost);
            }
        }
    }

    /// The lease that this task has, or can have.
    async fn lease(&mut self) -> Result<Option<ChannelLease>, Broken> {
        if self.lease.is_none() {
            let (id, now_ms) = (&self.channel.id, now_ms());
            self.lease = self.store.lease_channel(id, &self.holder, now_ms, until_ms()).await?;
        }
        Ok(self.lease.clone())
    }

    async fn give_back(&mut self) -> Result<(), Broken> {
        if let Some(lease) = self.lease.take() {
            self.store.renew_channel(&lease, 0).await?;
        }
        Ok(())
    }
}

impl Channel {
    fn wants(&self, event: &ChainedEvent) -> bool {
        self.events.contains(event.fact.kind())
    }
}

fn until_ms() -> u64 {
    now_ms().saturating_add(LEASE.as_millis() as u64)
}
