//! Payment card numbers (ISO/IEC 7812): 13 to 19 digits, the last a check digit.

use crate::number::Number;

/// The digits of a card that were read.
#[derive(Debug, Default)]
pub(crate) struct Card {
    length: usize,
    /// The sum of the Luhn algorithm, which doubles every second digit from the right.
    sum: u32,
    /// The sum if one more digit followed, without that digit.
    sum_before_next: u32,
}

impl Number for Card {
    const LETTERS: usize = 0;
    const GROUP: usize = 4;

    fn read(&mut self, character: u8) -> bool {
        if self.length == 19 || !character.is_ascii_digit() {
            return false;
        }
        let digit = u32::from(character - b'0');
        let doubled = digit * 2 - if digit > 4 { 9 } else { 0 };
        (self.sum, self.sum_before_next) = (self.sum_before_next + digit, self.sum + doubled);
        self.length += 1;
        true
    }

    fn holds(&self) -> bool {
        self.length >= 13 && self.sum.is_multiple_of(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{self, work::reads};
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> =
            number::find::<Card>(text).into_iter().map(|part| &text[part]).collect();
        assert_eq!(found, expected);
    }

    /// Sixteen digits with the right one at the end.
    fn card(digits: &str) -> String {
        let cards = (0..10).map(|last| format!("{digits}{last}"));
        cards.filter(|card| !number::find::<Card>(card).is_empty()).collect()
    }

    #[test]
    fn card_numbers_are_found_by_their_check_digit() {
        check("card 4111 1111 1111 1111.", &["4111 1111 1111 1111"]);
        check("4222222222222 and 6304000000000000000", &["4222222222222", "6304000000000000000"]);
        check("4111-1111-1111-1112", &[]);
        check("order 123456", &[]);
        check("00000000", &[]);
    }

    #[test]
    fn what_stands_around_a_card_does_not_hide_it() {
        check("4111 1111 1111 1111 12/28", &["4111 1111 1111 1111"]);
        check("4111111111111111 123", &["4111111111111111"]);
        check("2 4111 1111 1111 1111", &["4111 1111 1111 1111"]);
        check("_4111111111111111_", &["4111111111111111"]);
        check("Nr.4111111111111111é", &["4111111111111111"]);
    }

    #[test]
    fn groups_may_have_periods_between_them_but_not_both_kinds_of_separators() {
        check("4111.1111.1111.1111", &["4111.1111.1111.1111"]);
        check("4111-1111 1111-1111", &["4111-1111 1111-1111"]);
        check("4111.1111 1111 1111", &[]);
        check("4111  1111 1111 1111", &[]);
    }

    #[test]
    fn a_longer_row_of_digits_or_letters_is_no_card() {
        check("41111111111111110000", &[]);
        check("1234111111111111111", &[]);
        check("a4111111111111111", &[]);
        check("4111111111111111a", &[]);
    }

    #[test]
    fn a_card_in_short_groups_is_the_whole_row() {
        check("card 41 11 11 11 11 11 11 11, 12", &["41 11 11 11 11 11 11 11"]);
        check("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 EUR", &["4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"]);
        check("41 11 11 11 11 11 11 11 11", &[]);
        check("12 41 11 11 11 11 11 11 11", &[]);
        check("100 200 300 400 500 600 700 800 900", &[]);
    }

    #[test]
    fn cards_that_share_a_group_are_one_part() {
        // The first four groups hold, and so do the last four.
        check("4111 1111 1111 1111 4111", &["4111 1111 1111 1111 4111"]);
    }

    #[test]
    fn the_work_is_the_length_of_the_text_times_that_of_a_number() {
        for text in ["1111 ", "1 ", "1"] {
            let text = text.repeat(1 << 10);
            assert!(number::find::<Card>(&text).is_empty());
            assert!(reads::<Card>(&text) <= 19 * text.len());
        }
    }

    proptest! {
        #[test]
        fn no_card_stays_whatever_numbers_are_around_it(
            before in "([0-9]{1,6}[ -]){0,6}",
            digits in "[0-9]{15}",
            after in "([ -][0-9]{1,6}){0,6}",
        ) {
            let card = card(&digits);
            let spaced = card.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap());
            let spaced = spaced.collect::<Vec<_>>().join(" ");
            for card in [card, spaced] {
                let text = format!("{before}{card}{after}");
                let place = before.len()..before.len() + card.len();
                let found = number::find::<Card>(&text);
                prop_assert!(
                    found.iter().any(|part| part.start <= place.start && place.end <= part.end),
                    "{}", text
                );
                prop_assert!(found.is_sorted_by(|one, other| one.end <= other.start));
            }
        }
    }
}
