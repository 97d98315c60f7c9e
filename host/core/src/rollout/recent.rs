//! What was decided lately: counts over a window that moves.

use std::collections::VecDeque;

use crate::combine::{Denial, Outcome};

/// Of how many pieces a window is made: it moves by one of them.
const SLICES: u64 = 12;

/// Counts of decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many there were.
    pub decisions: u64,
    /// How many denied, faults included.
    pub denials: u64,
    /// How many denied since a policy gave no verdict.
    pub faults: u64,
    /// How many took how long: four buckets for each doubling of microseconds.
    took: [u32; BUCKETS],
}

/// Up to about 70 minutes.
const BUCKETS: usize = 128;

/// Counts over a window, in pieces.
#[derive(Debug)]
pub struct Recent {
    slice_ms: u64,
    /// Pieces by their numbers, oldest first.
    slices: VecDeque<(u64, Tally)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { decisions: 0, denials: 0, faults: 0, took: [0; BUCKETS] }
    }
}

impl Tally {
    /// Counts a decision that took so many microseconds.
    pub fn add(&mut self, outcome: &Outcome, took_us: u64) {
        self.decisions += 1;
        self.denials += u64::from(matches!(outcome, Outcome::Denied(_)));
        self.faults += u64::from(matches!(outcome, Outcome::Denied(Denial::ByFault(_))));
        if let Some(count) = self.took.get_mut(bucket(took_us)) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds what others have counted.
    pub fn merge(&mut self, other: &Self) {
        self.decisions += other.decisions;
        self.denials += other.denials;
        self.faults += other.faults;
        for (count, more) in self.took.iter_mut().zip(&other.took) {
            *count = count.saturating_add(*more);
        }
    }

    /// What 95 of 100 took at most, in microseconds, too large by a quarter at most; 0 where there was
    /// none.
    pub fn p95_us(&self) -> u64 {
        let beyond = self.decisions - self.decisions / 20;
        let mut seen = 0;
        for (index, count) in self.took.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= beyond && seen > 0 {
                return upper_us(index);
            }
        }
        0
    }
}

impl Recent {
    /// Nothing yet, over a window of so many milliseconds.
    pub fn over(window_ms: u64) -> Self {
        Self { slice_ms: (window_ms / SLICES).max(1), slices: VecDeque::new() }
    }

    /// Counts a decision at a time that does not go back.
    pub fn add(&mut self, now_ms: u64, outcome: &Outcome, took_us: u64) {
        let number = now_ms / self.slice_ms;
        self.forget_before(number);
        if self.slices.back().is_none_or(|(last, _)| *last < number) {
            self.slices.push_back((number, Tally::default()));
        }
        if let Some((_, tally)) = self.slices.back_mut() {
            tally.add(outcome, took_us);
        }
    }

    /// What the window holds at a time.
    pub fn sum(&mut self, now_ms: u64) -> Tally {
        self.forget_before(now_ms / self.slice_ms);
        let mut sum = Tally::default();
        self.slices.iter().for_each(|(_, tally)| sum.merge(tally));
        sum
    }

    fn forget_before(&mut self, number: u64) {
        while self.slices.front().is_some_and(|(first, _)| first + SLICES <= number) {
            self.slices.pop_front();
        }
    }
}

/// The bucket of a time: its highest bit, and the two below.
fn bucket(us: u64) -> usize {
    match us {
        0..=3 => us as usize,
        _ => {
            let octave = u64::from(us.ilog2());
            let quarter = (us >> (octave - 2)) & 3;
            ((octave - 1) * 4 + quarter).min(BUCKETS as u64 - 1) as usize
        }
    }
}

/// The end of a bucket.
fn upper_us(bucket: usize) -> u64 {
    match bucket {
        0..=3 => bucket as u64,
        _ => {
            let (octave, quarter) = (bucket as u64 / 4 + 1, bucket as u64 % 4);
            ((5 + quarter) << (octave - 2)) - 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_within_its_bucket() {
        for us in (0..10_000).chain([1 << 20, (1 << 30) + 7]) {
            let end = upper_us(bucket(us));
            assert!(end >= us && end as f64 <= us as f64 * 1.26, "{us}: {end}");
            assert_eq!(bucket(end), bucket(us));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn the_slowest_of_a_hundred_do_not_count_and_more_do() {
        let mut tally = Tally::default();
        assert_eq!(tally.p95_us(), 0);
        for number in 0..100 {
            tally.add(&Outcome::Allowed, if number < 95 { 100 } else { 9_000 });
        }
        assert!((100..=126).contains(&tally.p95_us()));
        tally.add(&Outcome::Allowed, 9_000);
        assert!(tally.p95_us() >= 9_000);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut recent = Recent::over(12_000);
        for at_ms in [0, 5_000, 11_999] {
            recent.add(at_ms, &Outcome::Denied(Denial::AllAbstained), 1);
        }
        let sum = recent.sum(11_999);
        assert_eq!((sum.decisions, sum.denials, sum.faults), (3, 3, 0));
        assert_eq!(recent.sum(12_000).decisions, 2);
        assert_eq!(recent.sum(100_000).decisions, 0);
    }
}
