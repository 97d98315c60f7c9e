//! What was spent in a window, and the text that stores it.

use std::fmt;

use crate::decimal::{Decimal, Rounding};

/// A sum, and the window that it belongs to. Stored as `START SUM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// When the window began, in seconds since the Unix epoch.
    pub window_start: u64,
    /// What went on in it.
    pub sum: Decimal,
}

/// A stored sum is none: somebody else wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

impl Spent {
    /// Reads the stored text.
    ///
    /// # Errors
    /// Where it is not that text.
    pub fn parse(stored: &[u8]) -> Result<Self, Damaged> {
        let text = str::from_utf8(stored).map_err(|_| Damaged)?;
        let (start, sum) = text.split_once(' ').ok_or(Damaged)?;
        let window_start = start.parse().map_err(|_| Damaged)?;
        let sum = Decimal::parse_sum(sum, Rounding::Refuse).map_err(|_| Damaged)?;
        if sum < Decimal::ZERO { Err(Damaged) } else { Ok(Self { window_start, sum }) }
    }

    /// Begins anew in a later window. An earlier one (another host's clock is ahead, or the
    /// settings now have longer windows) keeps the sum: it counts where it was spent.
    pub fn enter(&mut self, window_start: u64) {
        if window_start > self.window_start {
            *self = Self { window_start, sum: Decimal::ZERO };
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.window_start, self.sum)
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored sum is damaged")
    }
}

impl std::error::Error for Damaged {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_survives_its_text() {
        let spent = Spent::parse(b"86400 12.5").unwrap();
        assert_eq!(spent.to_string(), "86400 12.5");
        for other in ["", "1", "1 ", "1 -2", "x 2", "1 2 3"] {
            assert_eq!(Spent::parse(other.as_bytes()), Err(Damaged), "{other}");
        }
    }

    #[test]
    fn a_sum_may_be_larger_than_any_amount() {
        let stored = "0 1000000000000000005.25";
        assert_eq!(Spent::parse(stored.as_bytes()).unwrap().to_string(), stored);
        assert_eq!(Spent::parse(b"0 99999999999999999999999999999999"), Err(Damaged));
    }

    #[test]
    fn only_a_later_window_begins_anew() {
        let mut spent = Spent::parse(b"100 5").unwrap();
        spent.enter(50);
        assert_eq!(spent.to_string(), "100 5");
        spent.enter(150);
        assert_eq!(spent.to_string(), "150 0");
    }
}
