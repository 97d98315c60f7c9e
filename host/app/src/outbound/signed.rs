//! Requests that say who sends them: signed as Standard Webhooks 1.0 says.

use reqwest::RequestBuilder;
use standardwebhooks::Webhook;

use crate::auth::Secret;
use crate::clock::now_ms;

/// How short and how long the key of a signature may be, in bytes, as Standard Webhooks says.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs requests.
pub struct Signer(Webhook);

impl Signer {
    /// A signer with a secret that [`check_secret`] takes.
    pub fn new(secret: &Secret) -> Self {
        Self(Webhook::new(secret.expose()).expect("a secret was checked when it was read"))
    }

    /// The request with a body, and with what tells its receiver that it comes from here, now, and
    /// under this id.
    pub fn signed(&self, request: RequestBuilder, id: &str, body: String) -> RequestBuilder {
        let seconds = i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX);
        let signature = self.0.sign(id, seconds, body.as_bytes());
        let signature = signature.expect("a text is UTF-8");
        request
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body)
    }
}

/// Whether a text is a secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
pub fn check_secret(secret: &Secret) -> bool {
    use base64::Engine as _;
    let text = secret.expose().strip_prefix("whsec_");
    let key = text.map(|text| base64::engine::general_purpose::STANDARD.decode(text));
    let fits = key.is_some_and(|key| key.is_ok_and(|key| KEY_BYTES.contains(&key.len())));
    fits && Webhook::new(secret.expose()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_published_example() {
        // As the libraries of Standard Webhooks are tested.
        let signer = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = signer.unwrap().sign(id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_its_prefix_and_enough_bytes() {
        let is_secret = |text: &str| check_secret(&Secret::new(text));
        assert!(is_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        for text in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!", ""] {
            assert!(!is_secret(text), "{text}");
        }
    }
}
