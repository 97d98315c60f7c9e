//! Times: now, and those in ids. A UUID version 7 (RFC 9562) begins with one, so ids sort by time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_millis() as u64
}

/// The lowest id of a time, in milliseconds since the Unix epoch.
pub(crate) fn id_at(at_ms: u64) -> String {
    let time = format!("{:012x}", at_ms.min((1 << 48) - 1));
    let (high, low) = time.split_at(8);
    format!("{high}-{low}")
}

/// The time in an id; none where it is no such id.
pub(crate) fn time_of(id: &str) -> Option<u64> {
    let (high, rest) = id.split_once('-')?;
    let low = rest.get(..4)?;
    let is_hex = |text: &str| text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    if high.len() != 8 || !is_hex(high) || !is_hex(low) {
        return None;
    }
    u64::from_str_radix(&format!("{high}{low}"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_time_is_below_all_ids_from_then_on_and_above_all_from_before() {
        let at = id_at(0x0190_a6f0_1234);
        assert_eq!(at, "0190a6f0-1234");
        assert!(*"0190a6f0-1233-7fff-bfff-ffffffffffff" < *at);
        assert!(*at < *"0190a6f0-1234-7000-8000-000000000000");
        assert_eq!(id_at(u64::MAX), "ffffffff-ffff");
    }

    #[test]
    fn the_time_of_an_id_is_read_back_and_of_another_text_is_none() {
        assert_eq!(time_of("0190a6f0-1234-7fff-bfff-ffffffffffff"), Some(0x0190_a6f0_1234));
        assert_eq!(time_of(&id_at(7)), Some(7));
        for text in ["", "-", "0190a6f0-", "0190a6f0-+123", "0190A6F0-1234", "1-1234", "a\0b-é234"]
        {
            assert_eq!(time_of(text), None, "{text:?}");
        }
    }
}
