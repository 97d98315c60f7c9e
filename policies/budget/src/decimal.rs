//! Decimals with nine digits behind the point.
//!
//! A sum of cents kept in doubles drifts. These are whole billionths in 128 bits, which hold every
//! currency's smallest unit and sums far beyond every bank's.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// Digits behind the point.
const DIGITS: u32 = 9;
const ONE: i128 = 10_i128.pow(DIGITS);
/// The largest magnitude of a parsed decimal; sums may be larger.
const MAGNITUDE_MAX: i128 = 10_i128.pow(18) * ONE;
/// More digits than these do not fit into 128 bits.
const DIGITS_MAX: i64 = 39;

/// A decimal number, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Decimal {
    billionths: i128,
}

/// What becomes of digits behind the ninth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// They make the text invalid.
    Refuse,
    /// They raise a positive number to the next billionth, so that nothing counts as less than it
    /// is. A negative one is cut.
    Up,
}

/// A text is no decimal of this form or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotADecimal {
    /// It is not written as a JSON number.
    Syntax,
    /// It has more than nine digits behind the point.
    TooFine,
    /// Its magnitude is above 10¹⁸; of a sum, above what 128 bits hold.
    TooLarge,
}

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self { billionths: 0 };

    /// Parses a decimal in JSON's form, exponents included.
    ///
    /// # Errors
    /// [`NotADecimal`] says what is wrong.
    pub fn parse(text: &str, rounding: Rounding) -> Result<Self, NotADecimal> {
        let decimal = Self::parse_sum(text, rounding)?;
        let is_small = decimal.billionths.abs() <= MAGNITUDE_MAX;
        if is_small { Ok(decimal) } else { Err(NotADecimal::TooLarge) }
    }

    /// The same for a sum, which may be larger than what it is made of.
    ///
    /// # Errors
    /// As [`Decimal::parse`]; [`NotADecimal::TooLarge`] only where 128 bits do not hold it.
    pub fn parse_sum(text: &str, rounding: Rounding) -> Result<Self, NotADecimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = split_exponent(text)?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(NotADecimal::Syntax);
        }
        let places = exponent - i64::try_from(fraction.len()).map_err(|_| NotADecimal::Syntax)?;
        let digits = format!("{whole}{fraction}");
        let (billionths, inexact) = shift(&digits, places + i64::from(DIGITS))?;
        let raise = match (inexact, rounding) {
            (false, _) => 0,
            (true, Rounding::Refuse) => return Err(NotADecimal::TooFine),
            (true, Rounding::Up) => i128::from(!negative),
        };
        let magnitude = billionths.checked_add(raise).ok_or(NotADecimal::TooLarge)?;
        Ok(Self { billionths: if negative { -magnitude } else { magnitude } })
    }

    /// The sum; none where 128 bits do not hold it.
    pub fn plus(self, other: Self) -> Option<Self> {
        let billionths = self.billionths.checked_add(other.billionths)?;
        Some(Self { billionths })
    }
}

/// The text before an exponent, and the exponent.
fn split_exponent(text: &str) -> Result<(&str, i64), NotADecimal> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return Ok((text, 0)) };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    // JSON's doubles have exponents of three digits; more would only be a way to overflow.
    if !is_digits(digits) || digits.len() > 4 {
        return Err(NotADecimal::Syntax);
    }
    let exponent = exponent.parse().map_err(|_| NotADecimal::Syntax)?;
    Ok((mantissa, exponent))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits times ten to the `places`, cut to a whole number, and whether anything was cut.
fn shift(digits: &str, places: i64) -> Result<(i128, bool), NotADecimal> {
    let digits = digits.trim_start_matches('0');
    let length = i64::try_from(digits.len()).map_err(|_| NotADecimal::TooLarge)?;
    if digits.is_empty() {
        return Ok((0, false));
    }
    if length + places > DIGITS_MAX {
        return Err(NotADecimal::TooLarge);
    }
    let kept = usize::try_from((length + places.min(0)).max(0)).unwrap_or(0);
    let (kept, cut) = digits.split_at(kept);
    let inexact = cut.bytes().any(|digit| digit != b'0');
    let zeros = u32::try_from(places.max(0)).map_err(|_| NotADecimal::TooLarge)?;
    let whole: i128 =
        if kept.is_empty() { 0 } else { kept.parse().map_err(|_| NotADecimal::TooLarge)? };
    let shifted = whole.checked_mul(10_i128.pow(zeros)).ok_or(NotADecimal::TooLarge)?;
    Ok((shifted, inexact))
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.billionths < 0 { "-" } else { "" };
        let magnitude = self.billionths.unsigned_abs();
        let one = ONE.unsigned_abs();
        write!(f, "{sign}{}", magnitude / one)?;
        match magnitude % one {
            0 => Ok(()),
            fraction => {
                let digits = format!("{fraction:09}");
                write!(f, ".{}", digits.trim_end_matches('0'))
            }
        }
    }
}

impl fmt::Display for NotADecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is not written as a number",
            Self::TooFine => "it has more than nine digits behind the point",
            Self::TooLarge => "it is too large (10^18 at most, more for a sum)",
        })
    }
}

impl std::error::Error for NotADecimal {}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl TextOrNumber {
    fn parse<E: de::Error>(text: &str) -> Result<Decimal, E> {
        Decimal::parse(text, Rounding::Refuse)
            .map_err(|error| E::custom(format!("`{text}` is no decimal: {error}")))
    }
}

impl Visitor<'_> for TextOrNumber {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a decimal as text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        Self::parse(text)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        Self::parse(&number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        Self::parse(&number.to_string())
    }

    // The shortest text of a double is what was written.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
        Self::parse(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotADecimal>) {
        let parsed = Decimal::parse(text, Rounding::Refuse).map(|decimal| decimal.to_string());
        assert_eq!(parsed.as_deref().map_err(|error| *error), expected, "{text}");
    }

    #[test]
    fn numbers_are_read_as_json_writes_them() {
        check("0", Ok("0"));
        check("-0", Ok("0"));
        check("98.70", Ok("98.7"));
        check("-0.000000001", Ok("-0.000000001"));
        check("1e3", Ok("1000"));
        check("1.5E+2", Ok("150"));
        check("12345e-5", Ok("0.12345"));
        check("1e18", Ok("1000000000000000000"));
        check("0e999", Ok("0"));
        check("100000000000000000000e-20", Ok("1"));
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".5", "5.", "+5", "1e", "1e+", "1.2.3", "0x1", "NaN", " 1", "1e12345"]
        {
            check(text, Err(NotADecimal::Syntax));
        }
        check("1.0000000001", Err(NotADecimal::TooFine));
        check("1e-10", Err(NotADecimal::TooFine));
        check("1e19", Err(NotADecimal::TooLarge));
        check("1000000000000000001", Err(NotADecimal::TooLarge));
        check("1e308", Err(NotADecimal::TooLarge));
        check(&"9".repeat(100), Err(NotADecimal::TooLarge));
    }

    #[test]
    fn rounding_never_makes_a_payment_smaller() {
        let up = |text| Decimal::parse(text, Rounding::Up).unwrap().to_string();
        assert_eq!(up("0.30000000000000004"), "0.300000001");
        assert_eq!(up("1e-300"), "0.000000001");
        assert_eq!(up("-1e-300"), "0");
        assert_eq!(up("0.9999999999"), "1");
    }

    proptest! {
        #[test]
        fn a_decimal_survives_its_text(billionths in -MAGNITUDE_MAX..MAGNITUDE_MAX) {
            let decimal = Decimal { billionths };
            prop_assert_eq!(Decimal::parse(&decimal.to_string(), Rounding::Refuse), Ok(decimal));
        }

        #[test]
        fn a_double_of_cents_is_exact(cents in 0_i64..1_000_000_000_000) {
            let text = (cents as f64 / 100.0).to_string();
            let decimal = Decimal::parse(&text, Rounding::Refuse).unwrap();
            prop_assert_eq!(decimal.billionths, i128::from(cents) * (ONE / 100));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,40}") {
            let up = Decimal::parse(&text, Rounding::Up);
            if let Ok(exact) = Decimal::parse(&text, Rounding::Refuse) {
                prop_assert_eq!(up, Ok(exact));
            }
        }
    }
}
