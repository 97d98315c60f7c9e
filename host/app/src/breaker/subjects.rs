//! The breakers of one binding: one for all who ask, and one for each subject whose requests fail.
//!
//! What a policy costs depends on what it is asked, so that who can ask could otherwise have it rest for
//! everybody. Failures in a row open the breaker of all only where they are not one subject's alone; that
//! subject's own is opened in any case.

use std::collections::HashMap;

use super::{Admission, Breaker, BreakerConfig, End, Position};

/// How many subjects may be told apart by their failures at a time. Of more, those are forgotten that are
/// not refused; and where all are, each failure counts for all.
const SUBJECTS_MAX: usize = 1_024;

/// A subject, as a hash of who it is.
pub type Subject = u64;

/// The breakers of one binding.
#[derive(Clone, Debug)]
pub struct Breakers {
    config: BreakerConfig,
    all: Breaker,
    /// Of those alone whose last request failed.
    subjects: HashMap<Subject, Breaker>,
    /// Whose request failed last.
    failed_last: Option<Subject>,
}

/// That a call may be made, by both breakers. Answered with one [`Breakers::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    subject: Subject,
    by_all: Admission,
    own: Option<Admission>,
}

impl Breakers {
    /// Closed ones.
    pub fn new(config: BreakerConfig) -> Self {
        let all = Breaker::new(config);
        Self { config, all, subjects: HashMap::new(), failed_last: None }
    }

    /// Whether a call may be made for a subject at `now_ms`; none: it is refused.
    pub fn admit(&mut self, subject: Subject, now_ms: u64) -> Option<Admitted> {
        let own = match self.subjects.get_mut(&subject) {
            Some(breaker) => Some(breaker.admit(now_ms)?),
            None => None,
        };
        match self.all.admit(now_ms) {
            Some(by_all) => Some(Admitted { subject, by_all, own }),
            None => {
                // Its own probe is not made: the next call makes it.
                if let (Some(own), Some(breaker)) = (own, self.subjects.get_mut(&subject)) {
                    breaker.settle(own, End::Unknown, now_ms);
                }
                None
            }
        }
    }

    /// Tells how an admitted call ended, at `now_ms`.
    pub fn settle(&mut self, admitted: Admitted, end: End, now_ms: u64) {
        let Admitted { subject, by_all, own } = admitted;
        let is_again = end == End::Failure && self.failed_last == Some(subject);
        let is_told_apart = self.settle_own(subject, own, end, now_ms);
        // The same subject again says nothing new of the policy, nor does its probe.
        let of_all = if is_again && is_told_apart { End::Unknown } else { end };
        self.all.settle(by_all, of_all, now_ms);
        match end {
            End::Failure => self.failed_last = Some(subject),
            End::Success => self.failed_last = None,
            End::Unknown => {}
        }
    }

    /// Where the breaker of all stands.
    pub fn position(&self) -> Position {
        self.all.position()
    }

    /// Whether a subject is told apart from the others.
    fn settle_own(
        &mut self,
        subject: Subject,
        own: Option<Admission>,
        end: End,
        now_ms: u64,
    ) -> bool {
        if end == End::Failure && self.subjects.len() >= SUBJECTS_MAX {
            self.subjects.retain(|_, breaker| breaker.position() != Position::Closed);
        }
        if end == End::Failure && self.subjects.len() < SUBJECTS_MAX {
            self.subjects.entry(subject).or_insert_with(|| Breaker::new(self.config));
        }
        let Some(breaker) = self.subjects.get_mut(&subject) else { return false };
        breaker.settle(own.unwrap_or(Admission::Pass), end, now_ms);
        if end == End::Success && breaker.position() == Position::Closed {
            self.subjects.remove(&subject);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { failures_max: 3, backoff_ms: 100, backoff_ms_max: 350 };

    fn end(breakers: &mut Breakers, subject: Subject, end: End, now_ms: u64) -> bool {
        let admitted = breakers.admit(subject, now_ms);
        admitted.map(|admitted| breakers.settle(admitted, end, now_ms)).is_some()
    }

    fn fail(breakers: &mut Breakers, subject: Subject, now_ms: u64) -> bool {
        end(breakers, subject, End::Failure, now_ms)
    }

    #[test]
    fn whose_requests_alone_fail_is_refused_alone() {
        let mut breakers = Breakers::new(CONFIG);
        (0..3).for_each(|_| assert!(fail(&mut breakers, 7, 0)));
        assert!(!fail(&mut breakers, 7, 99));
        assert!(end(&mut breakers, 8, End::Success, 99));
        // Its probes fail for as long as it likes.
        for now_ms in [100, 300, 650] {
            assert!(fail(&mut breakers, 7, now_ms), "{now_ms}");
            assert!(!fail(&mut breakers, 7, now_ms + 1), "{now_ms}");
            assert_eq!(breakers.position(), Position::Closed);
        }
        assert!(end(&mut breakers, 7, End::Success, 1_000));
        assert!(breakers.subjects.is_empty());
    }

    #[test]
    fn what_fails_for_several_in_a_row_rests_for_all() {
        let mut breakers = Breakers::new(CONFIG);
        (7..10).for_each(|subject| assert!(fail(&mut breakers, subject, 0)));
        assert_eq!(breakers.position(), Position::Open);
        assert!(!end(&mut breakers, 11, End::Success, 99));
        assert!(end(&mut breakers, 11, End::Success, 100));
        assert_eq!(breakers.position(), Position::Closed);
    }

    #[test]
    fn a_probe_by_the_one_whose_requests_fail_keeps_nobody_out() {
        let mut breakers = Breakers::new(CONFIG);
        (7..10).for_each(|subject| assert!(fail(&mut breakers, subject, 0)));
        assert!(fail(&mut breakers, 9, 100), "it probes");
        assert!(end(&mut breakers, 11, End::Success, 100), "and says nothing new");
        assert_eq!(breakers.position(), Position::Closed);
    }

    #[test]
    fn more_subjects_than_can_be_told_apart_count_for_all() {
        let never = Breaker::new(BreakerConfig { failures_max: u32::MAX, ..CONFIG });
        let at_once = BreakerConfig { failures_max: 1, ..CONFIG };
        let mut breakers = Breakers { all: never, ..Breakers::new(at_once) };
        (0..2_000).for_each(|subject| assert!(fail(&mut breakers, subject, 0)));
        assert_eq!(breakers.subjects.len(), SUBJECTS_MAX);
        breakers.all = Breaker::new(CONFIG);
        (0..3).for_each(|_| assert!(fail(&mut breakers, 5_000, 0)));
        assert_eq!(breakers.position(), Position::Open);
    }

    #[test]
    fn who_failed_once_is_forgotten_when_others_need_the_room() {
        let mut breakers = Breakers::new(BreakerConfig { failures_max: u32::MAX, ..CONFIG });
        (0..2_000).for_each(|subject| assert!(fail(&mut breakers, subject, 0)));
        assert_eq!(breakers.subjects.len(), 2_000 - SUBJECTS_MAX);
    }
}
