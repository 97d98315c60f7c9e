//! The instants of the actions within a window, and the text that stores them.

use std::fmt;

/// Instants in milliseconds since the Unix epoch, oldest first, never falling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    instants_ms: Vec<u64>,
}

/// A stored window that is no list of instants: somebody else wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged;

impl Window {
    /// Reads the stored text: decimal numbers with one space between them.
    ///
    /// # Errors
    /// Where it is not that text, or an instant is earlier than the one before it.
    pub fn parse(stored: &[u8]) -> Result<Self, Damaged> {
        let text = str::from_utf8(stored).map_err(|_| Damaged)?;
        let instants_ms =
            text.split(' ').map(instant).collect::<Option<Vec<_>>>().ok_or(Damaged)?;
        if instants_ms.is_sorted() { Ok(Self { instants_ms }) } else { Err(Damaged) }
    }

    /// Forgets the instants that have left a window of this length, which ends now.
    pub fn slide(&mut self, now_ms: u64, window_ms: u64) {
        let gone = self.instants_ms.partition_point(|instant| instant + window_ms <= now_ms);
        self.instants_ms.drain(..gone);
    }

    /// When the window has room again; none: it has room now.
    pub fn free_at_ms(&self, limit: usize, window_ms: u64) -> Option<u64> {
        let over = self.instants_ms.len().checked_sub(limit)?;
        Some(self.instants_ms[over] + window_ms)
    }

    /// Adds an action, and returns the instant that stands for it: now, or the newest one where
    /// another host's clock was ahead.
    pub fn push(&mut self, now_ms: u64) -> u64 {
        let instant = self.instants_ms.last().map_or(now_ms, |newest| now_ms.max(*newest));
        self.instants_ms.push(instant);
        instant
    }

    /// How many actions it holds.
    pub fn len(&self) -> usize {
        self.instants_ms.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.instants_ms.is_empty()
    }
}

/// Up to 15 digits, so that a double holds it exactly in languages that have no other number.
fn instant(text: &str) -> Option<u64> {
    let digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, instant) in self.instants_ms.iter().enumerate() {
            let space = if at > 0 { " " } else { "" };
            write!(f, "{space}{instant}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored window is damaged")
    }
}

impl std::error::Error for Damaged {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_survives_its_text() {
        let mut window = Window::default();
        for now in [5, 7, 7] {
            window.push(now);
        }
        assert_eq!(window.to_string(), "5 7 7");
        assert_eq!(Window::parse(b"5 7 7"), Ok(window));
    }

    #[test]
    fn other_text_is_damaged() {
        let others = ["", " ", "1 ", "1  2", "2 1", "-1", "+1", "1\n", "1234567890123456", "é"];
        for other in others {
            assert_eq!(Window::parse(other.as_bytes()), Err(Damaged), "{other:?}");
        }
        assert_eq!(Window::parse(b"\xff"), Err(Damaged));
    }

    #[test]
    fn an_instant_leaves_when_its_window_is_over() {
        let mut window = Window::parse(b"1000 2000").unwrap();
        window.slide(1_999, 1_000);
        assert_eq!(window.len(), 2);
        window.slide(2_000, 1_000);
        assert_eq!(window.to_string(), "2000");
    }

    #[test]
    fn a_lowered_limit_waits_until_enough_have_left() {
        let window = Window::parse(b"1 2 3 4").unwrap();
        assert_eq!(window.free_at_ms(2, 10), Some(13));
        assert_eq!(window.free_at_ms(4, 10), Some(11));
        assert_eq!(window.free_at_ms(5, 10), None);
    }

    #[test]
    fn a_clock_that_falls_behind_adds_the_newest_instant() {
        let mut window = Window::parse(b"9").unwrap();
        assert_eq!(window.push(7), 9);
        assert_eq!(window.to_string(), "9 9");
    }
}
