//! International bank account numbers (ISO 13616): the letters of a country, two check digits, and
//! an account of 11 to 30 letters and digits. How long it is in which country is not looked at.

use crate::number::Number;

/// The characters of an account number that were read.
#[derive(Debug, Default)]
pub(crate) struct Iban {
    length: usize,
    /// How many of them are digits.
    digits: usize,
    /// The first four characters, as a number.
    head: u32,
    /// The others, as a number modulo 97.
    account: u32,
}

impl Number for Iban {
    const LETTERS: usize = 2;
    const GROUP: usize = 0;

    fn read(&mut self, character: u8) -> bool {
        let fits = match self.length {
            0..2 => character.is_ascii_alphabetic(),
            2..4 => character.is_ascii_digit(),
            4..34 => character.is_ascii_alphanumeric(),
            _ => false,
        };
        if fits {
            let into = if self.length < 4 { &mut self.head } else { &mut self.account };
            *into = append(*into, character);
            self.length += 1;
            self.digits += usize::from(character.is_ascii_digit());
        }
        fits
    }

    /// ISO 7064 MOD 97-10 over the number with its first four characters, which make six digits,
    /// at the end. One in a hundred sentences would hold, too, so half of it has to be digits.
    fn holds(&self) -> bool {
        self.length >= 15
            && self.digits * 2 >= self.length
            && (self.account * 1_000_000 + self.head) % 97 == 1
    }
}

/// A number with one more character at its end, modulo 97. A letter counts 10 to 35.
fn append(number: u32, character: u8) -> u32 {
    let value = char::from(character).to_digit(36).unwrap_or_default();
    let room = if value < 10 { 10 } else { 100 };
    (number * room + value) % 97
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{self, work::reads};

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> =
            number::find::<Iban>(text).into_iter().map(|part| &text[part]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn account_numbers_are_found_by_their_check_digits() {
        check("to DE89370400440532013000 now", &["DE89370400440532013000"]);
        check("GB82 WEST 1234 5698 7654 32", &["GB82 WEST 1234 5698 7654 32"]);
        check(
            "NO9386011117947, MT84MALT011000012345MTLCAST001S",
            &["NO9386011117947", "MT84MALT011000012345MTLCAST001S"],
        );
        check("DE88370400440532013000", &[]);
        check("DE89 3704", &[]);
    }

    #[test]
    fn what_stands_around_an_account_number_does_not_hide_it() {
        check("DE89370400440532013000 EUR 100", &["DE89370400440532013000"]);
        check("DE89370400440532013000 BIC COBADEFFXXX", &["DE89370400440532013000"]);
        check("pay AB12 DE89 3704 0044 0532 0130 00 EUR", &["DE89 3704 0044 0532 0130 00"]);
        check("_DE89370400440532013000_", &["DE89370400440532013000"]);
    }

    #[test]
    fn words_are_no_account_number_even_with_the_right_check_digits() {
        check("de68 words of a sentence", &[]);
    }

    #[test]
    fn case_makes_no_difference() {
        check("de89 3704 0044 0532 0130 00", &["de89 3704 0044 0532 0130 00"]);
        check("Gb82-West-1234-5698-7654-32", &["Gb82-West-1234-5698-7654-32"]);
    }

    #[test]
    fn letters_or_digits_that_touch_it_make_it_another_number() {
        check("XDE89370400440532013000", &[]);
        check("DE89370400440532013000EUR", &[]);
    }

    #[test]
    fn its_letters_and_its_first_digit_stand_in_one_group() {
        check("DE8 9 37 0400440532013000", &["DE8 9 37 0400440532013000"]);
        check("DE 89 3704 0044 0532 0130 00", &[]);
        check("D E89 3704 0044 0532 0130 00", &[]);
        check("D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0", &[]);
    }

    #[test]
    fn the_work_is_the_length_of_the_text_times_that_of_a_number() {
        for text in ["DE88 ", "DE88"] {
            let text = text.repeat(1 << 10);
            assert!(number::find::<Iban>(&text).is_empty());
            assert!(reads::<Iban>(&text) <= 34 * text.len());
        }
    }
}
