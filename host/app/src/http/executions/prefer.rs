//! `Prefer` (RFC 7240): whether a caller holds on until people have decided.

use std::time::Duration;

use axum::http::HeaderMap;

/// How long an answer is held at most.
const HELD_MAX: Duration = Duration::from_secs(60);

/// How long the caller wants to wait for people: not at all, unless it says `wait=N` (seconds), and
/// not with `respond-async`. What is not understood is ignored, as the standard asks.
pub(super) fn held(headers: &HeaderMap) -> Duration {
    let mut held = Duration::ZERO;
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(|value| value.split(',')) {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"').parse()) {
            ("respond-async", _) => return Duration::ZERO,
            ("wait", Ok(seconds)) => held = Duration::from_secs(seconds).min(HELD_MAX),
            _ => {}
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_says_so_waits() {
        let check = |value: &str, seconds: u64| {
            let headers = [("prefer".parse().unwrap(), value.parse().unwrap())];
            let headers: HeaderMap = headers.into_iter().collect();
            assert_eq!(held(&headers), Duration::from_secs(seconds), "{value}");
        };
        check("wait=7", 7);
        check("Wait = \"7\"", 7);
        check("wait=100000", 60);
        check("handling=lenient, wait=7", 7);
        check("respond-async, wait=7", 0);
        check("wait=soon", 0);
        check("", 0);
    }
}
