//! A number with at most two decimals, held without rounding.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number from 0 to 1,000,000 with at most two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Hundredths(u32);

/// A number has more decimals, or is not within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 1000000 with at most two decimals")]
pub struct InvalidHundredths;

impl Hundredths {
    /// How large a number may be.
    const MAX: u32 = 1_000_000;

    /// A whole number; the largest where it is larger.
    pub const fn of(whole: u32) -> Self {
        let whole = if whole > Self::MAX { Self::MAX } else { whole };
        Self(whole * 100)
    }

    /// The number times 100.
    pub const fn hundredths(self) -> u32 {
        self.0
    }
}

impl TryFrom<f64> for Hundredths {
    type Error = InvalidHundredths;

    fn try_from(number: f64) -> Result<Self, InvalidHundredths> {
        let hundredths = number * 100.0;
        let nearest = hundredths.round();
        let is_exact = (hundredths - nearest).abs() < 1e-6;
        match is_exact && (0.0..=f64::from(Self::MAX) * 100.0).contains(&nearest) {
            true => Ok(Self(nearest as u32)),
            false => Err(InvalidHundredths),
        }
    }
}

impl From<Hundredths> for f64 {
    fn from(number: Hundredths) -> Self {
        Self::from(number.0) / 100.0
    }
}

impl FromStr for Hundredths {
    type Err = InvalidHundredths;

    fn from_str(text: &str) -> Result<Self, InvalidHundredths> {
        text.parse::<f64>().map_err(|_| InvalidHundredths)?.try_into()
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&f64::from(*self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_decimals_are_kept_and_more_are_refused() {
        for text in ["0", "0.01", "2.5", "33.33", "100", "1000000"] {
            assert_eq!(text.parse::<Hundredths>().unwrap().to_string(), text);
        }
        for text in ["", "-1", "0.001", "1000000.01", "NaN", "inf", "1,5"] {
            assert_eq!(text.parse::<Hundredths>(), Err(InvalidHundredths), "{text}");
        }
    }
}
