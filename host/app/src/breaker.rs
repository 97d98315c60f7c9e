//! A circuit breaker: rests a binding whose policy runs into its limits again and again.
//!
//! Such a policy costs its whole budget of time on every request, and takes it from the other
//! policies. The breaker is a state machine without a clock: time is passed in, as milliseconds
//! on any clock that does not go backwards. It does not know what a policy is.

mod nested;

pub use nested::{Admitted, Breakers, Moves, Path, WHOSE, Who};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// How many failures in a row open it; at least 1.
    pub failures_max: u32,
    /// How long it stays open the first time, in milliseconds; each probe that fails doubles it.
    pub backoff_ms: u64,
    /// The longest that it stays open, in milliseconds.
    pub backoff_ms_max: u64,
}

impl Default for BreakerConfig {
    /// 5 failures; 100 ms, doubling up to 30 s.
    fn default() -> Self {
        Self { failures_max: 5, backoff_ms: 100, backoff_ms_max: 30_000 }
    }
}

/// A breaker of one binding.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: BreakerConfig,
    state: State,
}

/// Where a breaker stands, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// Everything passes.
    Closed,
    /// One probe is under way; everything else is refused.
    HalfOpen,
    /// Everything is refused until the back-off is over.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// May be followed by `Open`.
    Closed { failures: u32 },
    /// May be followed by `HalfOpen`.
    Open { until_ms: u64, backoff_ms: u64 },
    /// May be followed by `Closed` or `Open`.
    HalfOpen { backoff_ms: u64 },
}

/// Whether a call may be made. Each admission is answered with one [`Breaker::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Pass,
    /// It may, and its end decides whether the breaker closes.
    Probe,
}

/// How an admitted call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The policy kept to its limits.
    Success,
    /// The policy ran into one of its limits.
    Failure,
    /// The call says nothing of the policy: it was abandoned, or the host failed.
    Unknown,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, state: State::Closed { failures: 0 } }
    }

    /// Whether a call may be made at `now_ms`; none: it is refused.
    pub fn admit(&mut self, now_ms: u64) -> Option<Admission> {
        match self.state {
            State::Closed { .. } => Some(Admission::Pass),
            State::HalfOpen { .. } => None,
            State::Open { until_ms, .. } if now_ms < until_ms => None,
            State::Open { backoff_ms, .. } => {
                self.state = State::HalfOpen { backoff_ms };
                Some(Admission::Probe)
            }
        }
    }

    /// Tells how an admitted call ended, at `now_ms`.
    pub fn settle(&mut self, admission: Admission, end: End, now_ms: u64) {
        self.state = match (self.state, admission, end) {
            (State::Closed { .. }, _, End::Success) => State::Closed { failures: 0 },
            (State::Closed { failures }, _, End::Failure) => self.failed(failures + 1, now_ms),
            (State::HalfOpen { .. }, Admission::Probe, End::Success) => {
                State::Closed { failures: 0 }
            }
            (State::HalfOpen { backoff_ms }, Admission::Probe, End::Failure) => {
                let backoff_ms = backoff_ms.saturating_mul(2).min(self.config.backoff_ms_max);
                open(backoff_ms, now_ms)
            }
            // Nothing was learnt: the next call probes.
            (State::HalfOpen { backoff_ms }, Admission::Probe, End::Unknown) => {
                State::Open { until_ms: now_ms, backoff_ms }
            }
            // A call that began before the breaker opened is too old to say anything.
            (state, _, _) => state,
        };
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        match self.state {
            State::Closed { .. } => Position::Closed,
            State::HalfOpen { .. } => Position::HalfOpen,
            State::Open { .. } => Position::Open,
        }
    }

    fn failed(&self, failures: u32, now_ms: u64) -> State {
        if failures < self.config.failures_max {
            State::Closed { failures }
        } else {
            open(self.config.backoff_ms.min(self.config.backoff_ms_max), now_ms)
        }
    }
}

fn open(backoff_ms: u64, now_ms: u64) -> State {
    State::Open { until_ms: now_ms.saturating_add(backoff_ms), backoff_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { failures_max: 3, backoff_ms: 100, backoff_ms_max: 350 };

    fn fail(breaker: &mut Breaker, now_ms: u64) {
        let admission = breaker.admit(now_ms).expect("admitted");
        breaker.settle(admission, End::Failure, now_ms);
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(CONFIG);
        (0..3).for_each(|_| fail(&mut breaker, 0));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::new(CONFIG);
        for _ in 0..10 {
            fail(&mut breaker, 0);
            fail(&mut breaker, 0);
            breaker.settle(Admission::Pass, End::Success, 0);
        }
        assert_eq!(breaker.position(), Position::Closed);
        assert_eq!(opened().position(), Position::Open);
    }

    #[test]
    fn lets_one_probe_through_once_the_back_off_is_over() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(99), None);
        assert_eq!(breaker.admit(100), Some(Admission::Probe));
        assert_eq!(breaker.admit(100), None);
        assert_eq!(breaker.position(), Position::HalfOpen);
        breaker.settle(Admission::Probe, End::Success, 100);
        assert_eq!(breaker.admit(100), Some(Admission::Pass));
    }

    #[test]
    fn each_probe_that_fails_doubles_the_back_off_up_to_its_bound() {
        let mut breaker = opened();
        let mut now_ms = 0;
        for backoff_ms in [100, 200, 350, 350] {
            assert_eq!(breaker.admit(now_ms + backoff_ms - 1), None);
            now_ms += backoff_ms;
            fail(&mut breaker, now_ms);
        }
    }

    #[test]
    fn a_probe_that_was_abandoned_makes_room_for_the_next() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(100), Some(Admission::Probe));
        breaker.settle(Admission::Probe, End::Unknown, 120);
        assert_eq!(breaker.admit(120), Some(Admission::Probe));
    }

    #[test]
    fn what_began_before_it_opened_changes_nothing() {
        let mut breaker = opened();
        breaker.settle(Admission::Pass, End::Success, 50);
        assert_eq!(breaker.position(), Position::Open);
        assert_eq!(breaker.admit(100), Some(Admission::Probe));
        breaker.settle(Admission::Pass, End::Failure, 100);
        assert_eq!(breaker.position(), Position::HalfOpen);
    }

    fn end() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::Success), Just(End::Failure), Just(End::Unknown)]
    }

    proptest! {
        /// Calls one after the other, at times that do not go backwards.
        #[test]
        fn it_never_shuts_for_longer_than_its_bound(
            calls in prop::collection::vec((0u64..500, end()), 1..200),
        ) {
            let mut breaker = Breaker::new(CONFIG);
            let (mut now_ms, mut refused_since) = (0, None);
            for (pause_ms, end) in calls {
                now_ms += pause_ms;
                match breaker.admit(now_ms) {
                    Some(admission) => {
                        breaker.settle(admission, end, now_ms);
                        refused_since = None;
                    }
                    None => {
                        let since = *refused_since.get_or_insert(now_ms);
                        prop_assert!(now_ms - since < CONFIG.backoff_ms_max);
                    }
                }
            }
        }

        #[test]
        fn without_failures_everything_passes(
            calls in prop::collection::vec((0u64..500, any::<bool>()), 1..200),
        ) {
            let mut breaker = Breaker::new(CONFIG);
            let mut now_ms = 0;
            for (pause_ms, known) in calls {
                now_ms += pause_ms;
                prop_assert_eq!(breaker.admit(now_ms), Some(Admission::Pass));
                let end = if known { End::Success } else { End::Unknown };
                breaker.settle(Admission::Pass, end, now_ms);
            }
        }

        /// Calls may overlap: those under way are settled in any order.
        #[test]
        fn at_most_one_probe_is_under_way(
            steps in prop::collection::vec((0u64..60, any::<bool>(), any::<prop::sample::Index>(), end()), 1..300),
        ) {
            let mut breaker = Breaker::new(CONFIG);
            let (mut now_ms, mut under_way) = (0, Vec::new());
            for (pause_ms, start, which, end) in steps {
                now_ms += pause_ms;
                if start {
                    under_way.extend(breaker.admit(now_ms));
                } else if !under_way.is_empty() {
                    let admission = under_way.swap_remove(which.index(under_way.len()));
                    breaker.settle(admission, end, now_ms);
                }
                let probes = under_way.iter().filter(|a| **a == Admission::Probe).count();
                prop_assert!(probes <= 1);
                prop_assert_eq!(probes == 1, breaker.position() == Position::HalfOpen);
            }
        }
    }
}
