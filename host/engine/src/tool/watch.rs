//! A watch that stands still while a call waits for people or for other tools.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tells when a call has taken its time. Clones are one watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Pauses>>);

#[derive(Debug, Default)]
struct Pauses {
    since: Option<Instant>,
    sum: Duration,
}

impl Watch {
    /// Stands still from now on.
    pub(crate) fn pause(&self) {
        self.pauses().since = Some(Instant::now());
    }

    /// Goes on.
    pub(crate) fn go_on(&self) {
        let mut pauses = self.pauses();
        pauses.sum = pauses.until(Instant::now());
        pauses.since = None;
    }

    /// Done when so much time has passed, pauses not counted.
    pub(super) async fn after(&self, time: Duration) {
        let start = Instant::now();
        loop {
            let now = Instant::now();
            let end = start + time + self.pauses().until(now);
            if now >= end {
                return;
            }
            tokio::time::sleep_until(end.into()).await;
        }
    }

    // Held for a few instructions, never across an await.
    fn pauses(&self) -> MutexGuard<'_, Pauses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pauses {
    fn until(&self, now: Instant) -> Duration {
        self.sum + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_that_is_waited_does_not_count() {
        let watch = Watch::default();
        watch.pause();
        let over = watch.after(Duration::from_millis(1));
        // However long this machine takes for it: while the watch stands still, it is never over.
        assert!(tokio::time::timeout(Duration::from_millis(20), over).await.is_err());
        watch.go_on();
        watch.after(Duration::from_millis(1)).await;
    }
}
