//! What is looked for inside of strings.
//!
//! A number that only looks like an account or a card is left alone: their check digits are
//! looked at (ISO 13616 for IBANs, ISO/IEC 7812 for cards).

use regex_lite::{Captures, Regex};
use serde::Deserialize;

/// A kind of data that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Find {
    /// Mail addresses.
    Email,
    /// International bank account numbers.
    Iban,
    /// Payment card numbers of 13 to 19 digits.
    CardNumber,
}

/// A compiled regular expression, and which of its matches count.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    counts: fn(&str) -> bool,
}

impl Pattern {
    /// The pattern of a named kind.
    pub(crate) fn named(find: Find) -> Self {
        let (regex, counts): (_, fn(&str) -> bool) = match find {
            Find::Email => (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", |_| true),
            Find::Iban => (r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b", is_iban),
            Find::CardNumber => (r"\b[0-9](?:[ -]?[0-9]){12,18}\b", is_card_number),
        };
        Self { regex: Regex::new(regex).expect("tests compile each of them"), counts }
    }

    /// A regular expression of the operator's.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(text).map_err(|error| format!("`{text}` is no regex: {error}"))?;
        if regex.is_match("") {
            return Err(format!("`{text}` finds the empty text everywhere"));
        }
        Ok(Self { regex, counts: |_| true })
    }

    /// Replaces every match that counts. None where there is none.
    pub(crate) fn replace(&self, text: &str, with: &str) -> Option<(String, u64)> {
        let mut count = 0;
        let replaced = self.regex.replace_all(text, |found: &Captures<'_>| {
            let counts = (self.counts)(&found[0]);
            count += u64::from(counts);
            if counts { with.to_owned() } else { found[0].to_owned() }
        });
        if count > 0 { Some((replaced.into_owned(), count)) } else { None }
    }
}

/// ISO 7064 MOD 97-10 over the number with its first four characters at the end.
fn is_iban(text: &str) -> bool {
    let characters: Vec<_> = text.bytes().filter(|byte| *byte != b' ').collect();
    let rotated = characters.iter().cycle().skip(4).take(characters.len());
    let rest = rotated.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    (15..=34).contains(&characters.len()) && rest == 1
}

/// The Luhn algorithm.
fn is_card_number(text: &str) -> bool {
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0'));
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits.enumerate().map(|(at, d)| if at % 2 == 1 { doubled(d) } else { d }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(find: Find, text: &str, expected: Option<&str>) {
        let replaced = Pattern::named(find).replace(text, "*").map(|(text, _)| text);
        assert_eq!(replaced.as_deref(), expected);
    }

    #[test]
    fn mail_addresses_are_found() {
        check(Find::Email, "to ann.b+x@example.org, bob@example.com.", Some("to *, *."));
        check(Find::Email, "ann at example", None);
    }

    #[test]
    fn account_numbers_are_found_by_their_check_digits() {
        check(Find::Iban, "to DE89370400440532013000 now", Some("to * now"));
        check(Find::Iban, "GB82 WEST 1234 5698 7654 32", Some("*"));
        check(Find::Iban, "DE88370400440532013000", None);
    }

    #[test]
    fn card_numbers_are_found_by_their_check_digit() {
        check(Find::CardNumber, "card 4111 1111 1111 1111.", Some("card *."));
        check(Find::CardNumber, "4111-1111-1111-1112", None);
        check(Find::CardNumber, "order 123456", None);
    }

    #[test]
    fn a_regex_that_finds_nothing_in_particular_is_refused() {
        assert!(Pattern::parse("a*").is_err());
        assert!(Pattern::parse("(").is_err());
    }
}
