//! Numbers with check digits, as people write them: in groups (`4111 1111 1111 1111`), next to
//! other numbers and words.
//!
//! A number begins where a group begins and ends where a group ends. Each group is tried as the
//! first, with as many groups behind it as the longest number has room for; so what stands around
//! a number does not hide it, and the work is the text's length times that of a number. Groups can
//! be so short that any long row of them holds some number; such a number has to be the whole row.

use std::iter;
use std::ops::Range;

use crate::digits;

/// A kind of number, and what is known of one while its characters are read.
pub(crate) trait Number: Default {
    /// How many letters stand before the first digit.
    const LETTERS: usize;

    /// How many characters a group has, the last one aside, if other digits may stand next to the
    /// number.
    const GROUP: usize;

    /// Reads one more character. False if no such number goes on with it; it is not read then.
    fn read(&mut self, character: u8) -> bool;

    /// Whether what was read has the right length and check digits.
    fn holds(&self) -> bool;
}

/// The numbers of one kind in a text, in order. Where two share a group, they are one part.
pub(crate) fn find<N: Number>(text: &str) -> Vec<Range<usize>> {
    let text = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    for start in starts(text, N::LETTERS) {
        let Some(end) = longest::<N>(text, start) else { continue };
        match found.last_mut() {
            Some(last) if start < last.end => last.end = last.end.max(end),
            _ => found.push(start..end),
        }
    }
    found
}

/// Where groups begin whose first digit is behind so many other characters.
fn starts(text: &[u8], letters: usize) -> impl Iterator<Item = usize> {
    let mut at = 0;
    let first_digits = iter::from_fn(move || {
        let place = digits::next(text, at)?;
        at = place + text[place..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        Some(place)
    });
    let starts = first_digits.filter_map(move |place| place.checked_sub(letters));
    starts.filter(|start| *start == 0 || !text[start - 1].is_ascii_alphanumeric())
}

/// Where the longest number ends that begins at `start`.
fn longest<N: Number>(text: &[u8], start: usize) -> Option<usize> {
    let (before, mut rest) = text.split_at(start);
    let begins_row = !matches!(before, [.., b'0'..=b'9', b' ' | b'-' | b'.']);
    let mut number = N::default();
    let mut groups_are_short = false;
    let mut separated = None;
    let mut end = None;
    loop {
        let read = rest.iter().take_while(|byte| number.read(**byte)).count();
        rest = &rest[read..];
        if rest.first().is_some_and(u8::is_ascii_alphanumeric) {
            return end;
        }
        let separator = separator(rest);
        let ends_row = separator.is_none() || !rest[1].is_ascii_digit();
        if number.holds() && (!groups_are_short || ends_row) {
            end = Some(text.len() - rest.len());
        }
        groups_are_short |= read < N::GROUP;
        if groups_are_short && !begins_row {
            return end;
        }
        let Some(separator) = separator else { return end };
        if *separated.get_or_insert(separator) != separator {
            return end;
        }
        rest = &rest[1..];
    }
}

/// What stands between two groups. Periods do not mix with others: decimals and the addresses of
/// machines would be taken for one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    SpaceOrDash,
    Period,
}

/// The separator at the beginning of `text`, if a group is behind it.
fn separator(text: &[u8]) -> Option<Separator> {
    match text {
        [b' ' | b'-', next, ..] if next.is_ascii_alphanumeric() => Some(Separator::SpaceOrDash),
        [b'.', next, ..] if next.is_ascii_alphanumeric() => Some(Separator::Period),
        _ => None,
    }
}

/// How much is read to find numbers, counted by tests.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    use super::{Number, find};

    thread_local! {
        static READS: Cell<usize> = const { Cell::new(0) };
    }

    /// A number that counts what is read.
    #[derive(Default)]
    struct Counted<N>(N);

    impl<N: Number> Number for Counted<N> {
        const LETTERS: usize = N::LETTERS;
        const GROUP: usize = N::GROUP;

        fn read(&mut self, character: u8) -> bool {
            READS.set(READS.get() + 1);
            self.0.read(character)
        }

        fn holds(&self) -> bool {
            self.0.holds()
        }
    }

    /// How many characters are read to find all such numbers in a text.
    pub(crate) fn reads<N: Number>(text: &str) -> usize {
        READS.set(0);
        find::<Counted<N>>(text);
        READS.get()
    }
}
