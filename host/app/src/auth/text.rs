//! The text of a key: `writ_`, its id, `_`, and 43 characters that hold 256 random bits.
//!
//! The prefix lets scanners of repositories find a key that was committed; the id lets its owner
//! name it without showing it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use writ_core::key::KEY_ID_LENGTH;
use writ_core::{Digest, KeyId};

use super::Secret;

/// What every key begins with.
pub(super) const PREFIX: &str = "writ_";
/// How many characters of base64 (RFC 4648, section 5) 32 bytes are.
const SECRET_LENGTH: usize = 43;

/// A key that was just thought of.
pub(super) struct Fresh {
    pub(super) id: KeyId,
    pub(super) text: Secret,
    /// What is kept of the secret.
    pub(super) digest: Digest,
}

/// A key that nobody can guess.
pub(super) fn fresh() -> Result<Fresh, getrandom::Error> {
    let (mut id, mut secret) = ([0; KEY_ID_LENGTH], [0; 32]);
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut secret)?;
    let (id, secret) = (KeyId::of_random(id), URL_SAFE_NO_PAD.encode(secret));
    let text = Secret::new(format!("{PREFIX}{id}_{secret}"));
    Ok(Fresh { id, text, digest: Digest::of(secret) })
}

/// The id of a key's text, and the digest of its secret; none where the text is no key's.
pub(super) fn parse(text: &str) -> Option<(KeyId, Digest)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let id = id.parse().ok()?;
    (secret.len() == SECRET_LENGTH).then(|| (id, Digest::of(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_reads_back() {
        let Fresh { id, text, digest } = fresh().unwrap();
        assert_eq!(text.expose().len(), 5 + 12 + 1 + 43);
        assert_eq!(parse(text.expose()), Some((id, digest)));
        assert_ne!(fresh().unwrap().text, text);
    }

    #[test]
    fn what_is_no_key_is_not_read() {
        let secret = "s".repeat(43);
        assert!(parse(&format!("writ_abcdefghijkm_{secret}")).is_some());
        for text in [
            String::new(),
            "writ_".into(),
            format!("writ_abcdefghijkm_{secret}s"),
            format!("writ_abcdefghijkm{secret}"),
            format!("writ_ABCDEFGHIJKM_{secret}"),
            format!("Writ_abcdefghijkm_{secret}"),
            format!("abcdefghijkm_{secret}"),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }
}
