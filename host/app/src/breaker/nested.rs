//! The breakers of one binding: one for all who ask, one for each principal whose requests fail, and one
//! for each subject for which they do.
//!
//! What a policy costs depends on what it is asked, so that who can ask could otherwise have it rest for
//! everybody. Failures in a row open the breaker of all only where they are not one principal's alone, and
//! a principal's only where they are not one subject's alone: whom a principal names as subject is its own
//! choice. The breaker of who failed is opened in any case.

use std::collections::HashMap;

use super::{Admission, Breaker, BreakerConfig, End, Position};

/// How many principals, and how many subjects of one, may be told apart by their failures at a time. Of
/// more, those are forgotten that are not refused; and where all are, each failure counts for all.
const MEMBERS_MAX: usize = 256;

/// Somebody, as a hash of who it is.
pub type Who = u64;

/// The principal that asks, and the subject for which it does.
pub type Path = [Who; DEPTH];

const DEPTH: usize = 2;

/// By what those on a path were admitted, and where they have moved to.
type Marks<'a> = (&'a [Option<Admission>], &'a mut [Option<Position>]);

/// Whose breakers there are, from the outermost on.
pub const WHOSE: [&str; DEPTH + 1] = ["all", "principal", "subject"];

/// Where each of [`WHOSE`] stands now that an end has moved.
pub type Moves = [Option<Position>; DEPTH + 1];

/// The breaker of some who ask, and of each of them.
#[derive(Clone, Debug)]
pub struct Breakers {
    config: BreakerConfig,
    /// Of all of them together.
    own: Breaker,
    /// Of those alone whose last request failed.
    members: HashMap<Who, Breakers>,
    /// Whose request failed last.
    failed_last: Option<Who>,
}

/// That a call may be made, by the breakers of all, of the principal and of the subject. Answered with one
/// [`Breakers::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    path: Path,
    by: [Option<Admission>; DEPTH + 1],
}

impl Breakers {
    /// Closed ones.
    pub fn new(config: BreakerConfig) -> Self {
        let own = Breaker::new(config);
        Self { config, own, members: HashMap::new(), failed_last: None }
    }

    /// Whether a call may be made for somebody at `now_ms`; none: it is refused.
    pub fn admit(&mut self, path: Path, now_ms: u64) -> Option<Admitted> {
        let mut by = [None; DEPTH + 1];
        self.enter(&path, &mut by, now_ms).then_some(Admitted { path, by })
    }

    /// Tells how an admitted call ended, at `now_ms`.
    pub fn settle(&mut self, Admitted { path, by }: Admitted, end: End, now_ms: u64) -> Moves {
        let mut moves = Moves::default();
        self.leave(&path, (&by, &mut moves), end, now_ms);
        moves
    }

    /// Where the breaker of all stands.
    pub fn position(&self) -> Position {
        self.own.position()
    }

    fn enter(&mut self, path: &[Who], by: &mut [Option<Admission>], now_ms: u64) -> bool {
        let Some((own, below)) = by.split_first_mut() else { return true };
        let mut member = path
            .split_first()
            .and_then(|(who, rest)| self.members.get_mut(who).map(|member| (member, rest)));
        if let Some((member, rest)) = &mut member
            && !member.enter(rest, below, now_ms)
        {
            return false;
        }
        *own = self.own.admit(now_ms);
        if let (None, Some((member, rest))) = (*own, member) {
            // Its own probe is not made: the next call makes it.
            member.leave(rest, (below, &mut [None; DEPTH]), End::Unknown, now_ms);
        }
        own.is_some()
    }

    fn leave(&mut self, path: &[Who], (by, moves): Marks<'_>, end: End, now_ms: u64) {
        let Some((own, by)) = by.split_first() else { return };
        let Some((moved, moves)) = moves.split_first_mut() else { return };
        let own = own.unwrap_or(Admission::Pass);
        let is_told_before = path.split_first().is_some_and(|(who, rest)| {
            let is_again = end == End::Failure && self.failed_last == Some(*who);
            match end {
                End::Failure => self.failed_last = Some(*who),
                End::Success => self.failed_last = None,
                End::Unknown => {}
            }
            let is_told_apart = self.leave_member(*who, (rest, (by, moves)), end, now_ms);
            is_again && is_told_apart
        });
        // A probe of a principal's says something of that one in any case.
        let says_nothing = is_told_before && (own == Admission::Pass || path.len() == DEPTH);
        let end = if says_nothing { End::Unknown } else { end };
        let before = self.own.position();
        self.own.settle(own, end, now_ms);
        let after = self.own.position();
        *moved = (before != after && end != End::Unknown).then_some(after);
    }

    /// Whether a member is told apart from the others.
    fn leave_member(
        &mut self,
        who: Who,
        (rest, marks): (&[Who], Marks<'_>),
        end: End,
        now_ms: u64,
    ) -> bool {
        if end == End::Failure && self.members.len() >= MEMBERS_MAX {
            self.members.retain(|_, member| member.refuses());
        }
        if end == End::Failure && self.members.len() < MEMBERS_MAX {
            self.members.entry(who).or_insert_with(|| Self::new(self.config));
        }
        let Some(member) = self.members.get_mut(&who) else { return false };
        member.leave(rest, marks, end, now_ms);
        if end == End::Success && member.members.is_empty() && !member.refuses() {
            self.members.remove(&who);
        }
        true
    }

    /// Whether somebody may be refused.
    fn refuses(&self) -> bool {
        self.own.position() != Position::Closed || self.members.values().any(Self::refuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { failures_max: 3, backoff_ms: 100, backoff_ms_max: 350 };

    fn end(breakers: &mut Breakers, path: Path, end: End, now_ms: u64) -> bool {
        let admitted = breakers.admit(path, now_ms);
        admitted.map(|admitted| breakers.settle(admitted, end, now_ms)).is_some()
    }

    fn fail(breakers: &mut Breakers, path: Path, now_ms: u64) -> bool {
        end(breakers, path, End::Failure, now_ms)
    }

    fn succeed(breakers: &mut Breakers, path: Path, now_ms: u64) -> bool {
        end(breakers, path, End::Success, now_ms)
    }

    #[test]
    fn whose_requests_alone_fail_is_refused_alone() {
        let mut breakers = Breakers::new(CONFIG);
        (0..3).for_each(|_| assert!(fail(&mut breakers, [1, 7], 0)));
        assert!(!fail(&mut breakers, [1, 7], 99));
        assert!(succeed(&mut breakers, [1, 8], 99));
        // The same name is another subject where another principal says it.
        assert!(succeed(&mut breakers, [2, 7], 99));
        // Its probes fail for as long as it likes.
        for now_ms in [100, 300, 650] {
            assert!(fail(&mut breakers, [1, 7], now_ms), "{now_ms}");
            assert!(!fail(&mut breakers, [1, 7], now_ms + 1), "{now_ms}");
            assert_eq!(breakers.position(), Position::Closed);
        }
        assert!(succeed(&mut breakers, [1, 7], 1_000));
        assert!(breakers.members.is_empty());
    }

    #[test]
    fn a_principal_that_names_many_subjects_is_refused_alone() {
        let mut breakers = Breakers::new(CONFIG);
        (0..3).for_each(|subject| assert!(fail(&mut breakers, [1, subject], 0)));
        assert!(!fail(&mut breakers, [1, 99], 1), "it has invented another");
        assert!(succeed(&mut breakers, [2, 0], 1));
        assert_eq!(breakers.position(), Position::Closed);
        assert!(succeed(&mut breakers, [1, 99], 100), "it probes");
        assert_eq!(breakers.position(), Position::Closed);
        assert!(succeed(&mut breakers, [1, 98], 100));
    }

    #[test]
    fn a_principal_that_goes_on_is_refused_for_longer_whichever_subject_probes() {
        for subject in [2, 99] {
            let mut breakers = Breakers::new(CONFIG);
            (0..3).for_each(|subject| assert!(fail(&mut breakers, [1, subject], 0)));
            assert!(fail(&mut breakers, [1, subject], 100), "it probes");
            assert!(!fail(&mut breakers, [1, 50], 299), "{subject}");
            assert!(succeed(&mut breakers, [1, 50], 300), "{subject}");
        }
    }

    #[test]
    fn an_end_tells_whose_breakers_it_has_moved() {
        let mut breakers = Breakers::new(BreakerConfig { failures_max: 2, ..CONFIG });
        let mut moves = |path, end, now_ms| {
            let admitted = breakers.admit(path, now_ms).unwrap();
            breakers.settle(admitted, end, now_ms)
        };
        let (open, closed) = (Some(Position::Open), Some(Position::Closed));
        assert_eq!(moves([1, 1], End::Failure, 0), [None, None, None]);
        assert_eq!(moves([1, 2], End::Failure, 0), [None, open, None]);
        assert_eq!(moves([2, 1], End::Failure, 0), [open, None, None]);
        assert_eq!(moves([2, 2], End::Unknown, 100), [None, None, None]);
        assert_eq!(moves([1, 1], End::Success, 100), [closed, closed, None]);
        assert_eq!(moves([3, 1], End::Failure, 100), [None, None, None]);
        assert_eq!(moves([3, 1], End::Failure, 100), [None, None, open]);
    }

    #[test]
    fn what_fails_for_several_in_a_row_rests_for_all() {
        let mut breakers = Breakers::new(CONFIG);
        (1..4).for_each(|principal| assert!(fail(&mut breakers, [principal, 7], 0)));
        assert_eq!(breakers.position(), Position::Open);
        assert!(!succeed(&mut breakers, [11, 7], 99));
        assert!(succeed(&mut breakers, [11, 7], 100));
        assert_eq!(breakers.position(), Position::Closed);
    }

    #[test]
    fn a_probe_by_the_one_whose_requests_fail_keeps_nobody_out() {
        let mut breakers = Breakers::new(CONFIG);
        (1..4).for_each(|principal| assert!(fail(&mut breakers, [principal, 7], 0)));
        assert!(fail(&mut breakers, [3, 7], 100), "it probes");
        assert!(succeed(&mut breakers, [11, 7], 100), "and says nothing new");
        assert_eq!(breakers.position(), Position::Closed);
    }

    #[test]
    fn a_probe_that_all_refuse_is_made_later() {
        let mut breakers = Breakers::new(CONFIG);
        (0..3).for_each(|_| assert!(fail(&mut breakers, [1, 7], 0)));
        (2..4).for_each(|principal| assert!(fail(&mut breakers, [principal, 7], 60)));
        assert_eq!(breakers.position(), Position::Open);
        assert!(!succeed(&mut breakers, [1, 7], 120), "its own would let it probe");
        assert!(succeed(&mut breakers, [1, 7], 160));
        assert_eq!(breakers.position(), Position::Closed);
    }

    #[test]
    fn more_than_can_be_told_apart_count_for_all() {
        let never = Breaker::new(BreakerConfig { failures_max: u32::MAX, ..CONFIG });
        let at_once = BreakerConfig { failures_max: 1, ..CONFIG };
        let mut breakers = Breakers { own: never, ..Breakers::new(at_once) };
        (0..600).for_each(|principal| assert!(fail(&mut breakers, [principal, 0], 0)));
        assert_eq!(breakers.members.len(), MEMBERS_MAX);
        breakers.own = Breaker::new(CONFIG);
        (0..3).for_each(|_| assert!(fail(&mut breakers, [5_000, 0], 0)));
        assert_eq!(breakers.position(), Position::Open);
    }

    #[test]
    fn who_failed_once_is_forgotten_when_others_need_the_room() {
        let mut breakers = Breakers::new(BreakerConfig { failures_max: u32::MAX, ..CONFIG });
        (0..300).for_each(|principal| assert!(fail(&mut breakers, [principal, 0], 0)));
        assert_eq!(breakers.members.len(), 300 - MEMBERS_MAX);
    }
}
