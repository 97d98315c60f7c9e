//! One event to one receiver: tried, and tried again, within bounds.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsent {
    /// Why. Shown to operators, so it holds no address and no secret.
    pub(super) error: String,
    /// Whether another attempt may succeed.
    pub(super) again: Again,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
}

/// Whether another attempt may succeed; what stands more in the way is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Again {
    Never,
    /// Later, which says nothing of other events.
    LaterAlone,
    /// Later, and until then nothing else is taken either.
    Later,
}

/// What is done to have one event taken.
pub(super) trait Attempts {
    /// Sends once, within the receiver's time-out.
    fn send(&mut self) -> impl Future<Output = Result<(), Unsent>> + Send;

    /// Waits between two attempts, at least so long.
    fn rest(&mut self, wait: Duration, again: Again) -> impl Future<Output = ()> + Send;
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
    pub(super) async fn attempt(&self, event: &mut impl Attempts) -> Result<(), GivenUp> {
        let end = Instant::now() + self.total_max;
        let mut waits = self.backoff.waits();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Unsent { error, again, retry_after } = match event.send().await {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent,
            };
            let wait = if again == Again::Never { None } else { waits.next() };
            let Some(wait) = wait else { return Err(GivenUp { attempts, error }) };
            let wait = wait.max(retry_after.unwrap_or_default()).min(self.backoff.max);
            if Instant::now() + wait >= end {
                return Err(GivenUp { attempts, error });
            }
            tracing::info!(
                attempts,
                error,
                wait_ms = wait.as_millis() as u64,
                "an event is sent again"
            );
            event.rest(wait, again).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const RETRY: Retry = Retry {
        backoff: Backoff {
            attempts_max: 4,
            first: Duration::from_secs(1),
            max: Duration::from_secs(60),
        },
        total_max: Duration::from_secs(600),
    };

    fn unsent(again: Again, after_s: u64) -> Unsent {
        let retry_after = Some(Duration::from_secs(after_s));
        Unsent { error: "it answers 500".into(), again, retry_after }
    }

    /// Answers in turn, the last one again and again.
    struct Answers(Vec<Result<(), Unsent>>);

    impl Attempts for Answers {
        async fn send(&mut self) -> Result<(), Unsent> {
            if self.0.len() > 1 { self.0.remove(0) } else { self.0[0].clone() }
        }

        async fn rest(&mut self, wait: Duration, _again: Again) {
            sleep(wait).await;
        }
    }

    /// How many attempts are made, and within how many seconds.
    async fn check(retry: Retry, answer: Unsent, attempts: u64, seconds: [u64; 2]) {
        let start = Instant::now();
        let given_up = retry.attempt(&mut Answers(vec![Err(answer)])).await.unwrap_err();
        assert_eq!(given_up, GivenUp { attempts, error: "it answers 500".into() });
        let took = start.elapsed();
        let [min, max] = seconds.map(Duration::from_secs);
        assert!(min <= took && took <= max, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_further_and_further_apart() {
        // 1, 2 and 4 seconds, and each up to twice as long.
        check(RETRY, unsent(Again::Later, 0), 4, [7, 14]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_succeed_is_tried_once() {
        check(RETRY, unsent(Again::Never, 9), 1, [0, 0]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_may_ask_to_wait_within_bounds() {
        check(RETRY, unsent(Again::Later, 30), 4, [90, 90]).await;
        check(RETRY, unsent(Again::Later, 9_999), 4, [180, 180]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn trying_ends_in_time() {
        let backoff = Backoff { attempts_max: 1_000, ..RETRY.backoff };
        let retry = Retry { backoff, total_max: Duration::from_secs(100) };
        check(retry, unsent(Again::Later, 30), 4, [90, 90]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_succeeds_is_the_last() {
        let failed = Err(unsent(Again::LaterAlone, 0));
        let mut answers = Answers(vec![failed.clone(), failed, Ok(()), Ok(())]);
        assert_eq!(RETRY.attempt(&mut answers).await, Ok(()));
        assert_eq!(answers.0, [Ok(())]);
    }
}
