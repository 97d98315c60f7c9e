//! How often something is tried, and how long to wait in between.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often something is tried, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How many attempts at most.
    pub attempts_max: u32,
    /// How long to wait after the first, twice as long after each further one; and a random time of
    /// up to as long again.
    pub first: Duration,
    /// How long to wait at most.
    pub max: Duration,
}

impl Backoff {
    /// The waits between attempts: one fewer than attempts.
    pub fn waits(&self) -> impl Iterator<Item = Duration> {
        ExponentialBuilder::default()
            .with_min_delay(self.first)
            .with_max_delay(self.max)
            .with_max_times(self.attempts_max.saturating_sub(1) as usize)
            .with_jitter()
            .build()
    }

    /// How long to wait after as many attempts, from 1; none where there may be no more. At least as
    /// long as the other side asks for, within the bound.
    pub fn wait_after(&self, attempts: u64, asked_for: Option<Duration>) -> Option<Duration> {
        let place = usize::try_from(attempts.checked_sub(1)?).ok()?;
        let wait = self.waits().nth(place)?;
        Some(wait.max(asked_for.unwrap_or_default()).min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { attempts_max: 3, first: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn waits_grow_and_end() {
        let within = |attempts, seconds: [u64; 2]| {
            let wait = BACKOFF.wait_after(attempts, None).unwrap();
            let [min, max] = seconds.map(Duration::from_secs);
            assert!(min <= wait && wait <= max, "{wait:?}");
        };
        within(1, [1, 2]);
        within(2, [2, 4]);
        assert_eq!(BACKOFF.wait_after(3, None), None);
        assert_eq!(BACKOFF.wait_after(9, None), None);
    }

    #[test]
    fn the_other_side_may_ask_for_longer_within_the_bound() {
        let wait = |seconds| BACKOFF.wait_after(1, Some(Duration::from_secs(seconds))).unwrap();
        assert_eq!(wait(30), Duration::from_secs(30));
        assert_eq!(wait(9_999), Duration::from_secs(60));
    }
}
