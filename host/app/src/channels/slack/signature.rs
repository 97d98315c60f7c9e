//! Slack's signature: HMAC-SHA256 over `v0:`, the time and the body, with the app's signing secret.

use aws_lc_rs::hmac;

use crate::auth::Secret;

/// How old or how new a signature may be, in seconds, as Slack says.
const TOLERANCE_S: u64 = 300;
/// How many bytes a signature has.
const TAG_BYTES: usize = 32;

/// A request as it came, with what its headers say.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `X-Slack-Request-Timestamp`
    pub timestamp: &'a str,
    /// `X-Slack-Signature`
    pub signature: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// Whether a secret has signed it, within five minutes of `now_ms` (milliseconds since the Unix
    /// epoch). Compared in constant time.
    pub(super) fn is_by(&self, secret: &Secret, now_ms: u64) -> bool {
        let at = self.timestamp.parse::<u64>();
        let is_fresh = at.is_ok_and(|at| at.abs_diff(now_ms / 1_000) <= TOLERANCE_S);
        let Some(tag) = self.tag().filter(|_| is_fresh) else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let text = [b"v0:", self.timestamp.as_bytes(), b":", self.body].concat();
        hmac::verify(&key, &text, &tag).is_ok()
    }

    /// The signature's bytes.
    fn tag(&self) -> Option<[u8; TAG_BYTES]> {
        let digits = self.signature.strip_prefix("v0=")?.as_bytes();
        let mut tag = [0; TAG_BYTES];
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != TAG_BYTES || !rest.is_empty() {
            return None;
        }
        let digit = |digit: u8| char::from(digit).to_digit(16);
        for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
            *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
        }
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of Slack's page "Verifying requests from Slack".
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const AT_S: u64 = 1_531_420_618;
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn check(signed: Signed<'_>, secret: &str, now_s: u64, expected: bool) {
        assert_eq!(signed.is_by(&Secret::new(secret), now_s * 1_000), expected, "{signed:?}");
    }

    #[test]
    fn the_published_example_is_slacks_for_five_minutes() {
        let signed =
            Signed { timestamp: "1531420618", signature: SIGNATURE, body: BODY.as_bytes() };
        for (now_s, expected) in [
            (AT_S, true),
            (AT_S + 300, true),
            (AT_S - 300, true),
            (AT_S + 301, false),
            (AT_S - 301, false),
        ] {
            check(signed, SECRET, now_s, expected);
        }
        check(signed, "another", AT_S, false);
        check(Signed { body: &BODY.as_bytes()[1..], ..signed }, SECRET, AT_S, false);
        check(Signed { timestamp: "1531420619", ..signed }, SECRET, AT_S, false);
        let [cut, long] = [SIGNATURE[..65].to_owned(), format!("{SIGNATURE}00")];
        for signature in ["", "v0=", "v1=00", "v0=zz", "v0=é", "v0=a", &cut, &long] {
            check(Signed { signature, ..signed }, SECRET, AT_S, false);
        }
    }
}
