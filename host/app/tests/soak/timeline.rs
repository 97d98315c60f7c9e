//! Which set decided when, as far as its users can tell, and whether answers fit that.

use std::time::{Duration, Instant};

use crate::answers::Answer;

/// How long it is remembered that a set decided: longer than any answer takes.
const REMEMBERED: Duration = Duration::from_secs(300);

pub(crate) struct Timeline {
    spans: Vec<Span>,
    checked: u64,
}

/// A set, and when it may have decided.
#[derive(Debug)]
struct Span {
    set: String,
    /// What it allows, and no other.
    allows: u64,
    /// Before its file was written.
    from: Instant,
    /// After the next one was confirmed.
    to: Option<Instant>,
}

impl Timeline {
    pub(crate) fn new(set: String, allows: u64, from: Instant) -> Self {
        let first = Span { set, allows, from, to: None };
        Self { spans: vec![first], checked: 0 }
    }

    /// Another set decides, for which files were written at a time: it is confirmed now.
    pub(crate) fn change(&mut self, set: String, allows: u64, from: Instant) {
        let now = Instant::now();
        self.spans.retain(|span| span.to.is_none_or(|to| now - to < REMEMBERED));
        let last = self.spans.last_mut().unwrap();
        assert_ne!(last.set, set, "the set is as it was: v{allows}");
        last.to = Some(now);
        self.spans.push(Span { set, allows, from, to: None });
    }

    /// Checks answers, while no change is under way.
    pub(crate) fn check(&mut self, answers: impl Iterator<Item = Answer>) {
        for answer in answers {
            let is_right = self.spans.iter().any(|span| span.gives(&answer));
            assert!(is_right, "a wrong answer: {answer:?}\n{:#?}", self.spans);
            self.checked += 1;
        }
    }

    /// How many answers were right.
    pub(crate) fn checked(&self) -> u64 {
        self.checked
    }
}

impl Span {
    /// Whether an answer is one that this set gives, at a time at which it may have decided.
    fn gives(&self, answer: &Answer) -> bool {
        let is_in_time =
            answer.answered >= self.from && self.to.is_none_or(|to| answer.asked <= to);
        let is_allowed = answer.about.is_none_or(|about| about == self.allows);
        self.set == answer.set && is_in_time && answer.is_allowed == is_allowed
    }
}
