//! `Prefer` (RFC 7240): whether a caller holds on until people have decided.

use std::time::Duration;

use axum::http::HeaderMap;

/// How long an answer is held at most.
const HELD_MAX: Duration = Duration::from_secs(60);

/// How long the caller wants to wait for people: not at all, unless it says `wait=N` (seconds). With
/// `respond-async`, which is what happens anyway, that is how long before the answer is 202
/// (section 4.3). Of several, the first counts; what is not understood is ignored (section 2).
pub(super) fn held(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = values.flat_map(|value| value.split(',')).find_map(|preference| {
        let (preference, _parameters) = preference.split_once(';').unwrap_or((preference, ""));
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse())
    });
    wait.and_then(Result::ok).map_or(Duration::ZERO, Duration::from_secs).min(HELD_MAX)
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
        check("respond-async, wait=7", 7);
        check("respond-async", 0);
        check("wait=7; strict=yes", 7);
        check("wait=1, wait=3", 1);
        check("wait=soon", 0);
        check("", 0);
    }
}
