//! One event to one receiver: tried, and tried again, within bounds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Notice;
use super::mail::Mail;
use super::slack::Slack;
use super::webhook::Webhook;
use crate::outbound::Backoff;

/// How often and how long an event is tried before it becomes a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts, and how far apart.
    pub backoff: Backoff,
    /// How long to try in all.
    pub total_max: Duration,
}

/// Who is told.
pub(super) enum Receiver {
    Webhook(Webhook),
    Slack(Arc<Slack>),
    Mail(Box<Mail>),
}

/// An attempt failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsent {
    /// Why. Shown to operators, so it holds no address and no secret.
    pub(super) error: String,
    /// Whether another attempt may succeed.
    pub(super) retry: bool,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
}

/// An event was given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp {
    pub(super) attempts: u64,
    /// Why the last attempt failed.
    pub(super) error: String,
}

impl Receiver {
    /// Sends once, within the receiver's time-out.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Unsent> {
        match self {
            Self::Webhook(webhook) => webhook.send(notice).await,
            Self::Slack(slack) => slack.send(notice).await,
            Self::Mail(mail) => mail.send(notice).await,
        }
    }
}

impl Retry {
    /// Makes attempts until one succeeds.
    pub(super) async fn attempt<F>(&self, mut send: impl FnMut() -> F) -> Result<(), GivenUp>
    where
        F: Future<Output = Result<(), Unsent>>,
    {
        let end = Instant::now() + self.total_max;
        let mut waits = self.backoff.waits();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Unsent { error, retry, retry_after } = match send().await {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent,
            };
            let wait = if retry { waits.next() } else { None };
            let Some(wait) = wait else { return Err(GivenUp { attempts, error }) };
            let wait = wait.max(retry_after.unwrap_or_default()).min(self.backoff.max);
            if Instant::now() + wait >= end {
                return Err(GivenUp { attempts, error });
            }
            tracing::info!(attempts, error, wait_ms = wait.as_millis(), "an event is sent again");
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        backoff: Backoff {
            attempts_max: 4,
            first: Duration::from_secs(1),
            max: Duration::from_secs(60),
        },
        total_max: Duration::from_secs(600),
    };

    fn unsent(retry: bool, after_s: u64) -> Unsent {
        let retry_after = Some(Duration::from_secs(after_s));
        Unsent { error: "it answers 500".into(), retry, retry_after }
    }

    /// How many attempts are made, and within how many seconds.
    async fn check(retry: Retry, answer: impl Fn() -> Unsent, attempts: u64, seconds: [u64; 2]) {
        let start = Instant::now();
        let given_up = retry.attempt(async || Err(answer())).await.unwrap_err();
        assert_eq!(given_up, GivenUp { attempts, error: "it answers 500".into() });
        let took = start.elapsed();
        let [min, max] = seconds.map(Duration::from_secs);
        assert!(min <= took && took <= max, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_further_and_further_apart() {
        // 1, 2 and 4 seconds, and each up to twice as long.
        check(RETRY, || unsent(true, 0), 4, [7, 14]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_succeed_is_tried_once() {
        check(RETRY, || unsent(false, 9), 1, [0, 0]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_may_ask_to_wait_within_bounds() {
        check(RETRY, || unsent(true, 30), 4, [90, 90]).await;
        check(RETRY, || unsent(true, 9_999), 4, [180, 180]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn trying_ends_in_time() {
        let backoff = Backoff { attempts_max: 1_000, ..RETRY.backoff };
        let retry = Retry { backoff, total_max: Duration::from_secs(100) };
        check(retry, || unsent(true, 30), 4, [90, 90]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_succeeds_is_the_last() {
        let mut attempts = 0;
        let sent = RETRY.attempt(|| {
            attempts += 1;
            let answer = if attempts < 3 { Err(unsent(true, 0)) } else { Ok(()) };
            async move { answer }
        });
        assert_eq!(sent.await, Ok(()));
        assert_eq!(attempts, 3);
    }
}
