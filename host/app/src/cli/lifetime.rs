//! How long something lasts, as people write and read it.

use crate::clock::now_ms;

/// Seconds, from a number and a unit.
pub(in crate::cli) fn seconds(text: &str) -> Result<u64, String> {
    let refused = || "write a number and s, m, h, d or w, such as `30d`".to_owned();
    let unit = match text.as_bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => 86_400,
        Some(b'w') => 7 * 86_400,
        _ => return Err(refused()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    number.checked_mul(unit).ok_or_else(refused)
}

/// The time from now until another, in its largest unit.
pub(in crate::cli) fn left(until_ms: u64) -> String {
    let seconds = until_ms.saturating_sub(now_ms()) / 1_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{} {name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_and_a_unit() {
        for (text, expected) in [("90s", 90), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(seconds("2w"), Ok(1_209_600));
        for text in ["", "d", "30", "3.5d", "-1d", "30 d", "30é", "99999999999999999w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_left_is_told_in_its_largest_unit() {
        assert_eq!(left(now_ms() + 30 * 86_400_000 + 60_000), "30 d");
        assert_eq!(left(now_ms() + 3 * 3_600_000 + 60_000), "3 h");
        assert_eq!(left(0), "0 s");
    }
}
