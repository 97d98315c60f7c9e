//! Mail addresses as people write them: `name@domain.tld`, in ASCII.
//!
//! Looks around each `@`, so text without one costs next to nothing. It finds what
//! `[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}` finds.

use std::ops::Range;

/// The addresses in a text, in order.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let before = found.last().map_or(0, |last| last.end);
        // Neither side has an `@` in it, so no byte is looked at more than twice.
        let Some(name) = name(&text.as_bytes()[before..at]) else { continue };
        let Some(domain) = domain(&text.as_bytes()[at + 1..]) else { continue };
        found.push(at - name..at + 1 + domain);
    }
    found
}

/// The length of the name at the end of `before`.
fn name(before: &[u8]) -> Option<usize> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let length = before.iter().rev().take_while(is_part).count();
    (length > 0).then_some(length)
}

/// The length of the longest domain at the beginning of `after`: anything, a period, two letters.
fn domain(after: &[u8]) -> Option<usize> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let domain = &after[..after.iter().take_while(is_part).count()];
    let ends = |next: &[u8]| next[0] == b'.' && next[1..].iter().all(u8::is_ascii_alphabetic);
    let period = 1 + domain.get(1..)?.windows(3).rposition(ends)?;
    let last = &domain[period + 1..];
    Some(period + 1 + last.iter().take_while(|byte| byte.is_ascii_alphabetic()).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex_lite::Regex;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = find(text).into_iter().map(|part| &text[part]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn mail_addresses_are_found() {
        check(
            "to ann.b+x@example.org, bob@example.com.",
            &["ann.b+x@example.org", "bob@example.com"],
        );
        check("<ann@mail.example.org>", &["ann@mail.example.org"]);
    }

    #[test]
    fn an_at_sign_alone_is_no_address() {
        check("ann at example, ann@example, @example.org, ann@.org, ann@example.o", &[]);
        check("@", &[]);
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_the_regex_finds(text in "[a.@1é -]{0,24}") {
            let regex = Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}").unwrap();
            let expected: Vec<_> = regex.find_iter(&text).map(|found| found.range()).collect();
            prop_assert_eq!(find(&text), expected);
        }
    }
}
