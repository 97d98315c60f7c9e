//! An API key as it is kept: whom it names and until when, and of its secret only the digest.
//!
//! A secret is 256 random bits, so a plain SHA-256 of it can be kept: there is nothing to guess
//! that a slow hash would protect. How a key's text is made and read is not known here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::digest::Digest;
use crate::principal::Principal;

/// How many characters a key's id has.
pub const KEY_ID_LENGTH: usize = 12;

/// Names a key in lists and logs; it is public, and part of the key's text. 12 lower-case letters
/// and digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; KEY_ID_LENGTH]);

/// A text is no key's id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no key's id\nhint: an id is the {KEY_ID_LENGTH} letters and digits between the underscores of `writ_ID_SECRET`"
)]
pub struct InvalidKeyId;

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its public name.
    pub id: KeyId,
    /// Whom it names.
    pub principal: Arc<Principal>,
    /// SHA-256 of its secret.
    pub secret: Digest,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// From when on it is not taken; none: it does not expire.
    pub expires_at_ms: Option<u64>,
    /// Since when it is not taken, because an operator said so.
    pub revoked_at_ms: Option<u64>,
}

/// Whether a key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Valid,
    /// Its time is over.
    Expired,
    /// An operator has ended it, whether or not its time is over.
    Revoked,
}

impl KeyId {
    /// An id of random bytes, each of which gives one character of 32.
    pub fn of_random(bytes: [u8; KEY_ID_LENGTH]) -> Self {
        const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        Self(bytes.map(|byte| CHARACTERS[usize::from(byte & 31)]))
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only letters and digits make an id")
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let bytes: [u8; KEY_ID_LENGTH] = text.as_bytes().try_into().map_err(|_| InvalidKeyId)?;
        let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.iter().all(allowed).then_some(Self(bytes)).ok_or(InvalidKeyId)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Key {
    /// Whether it is taken at a time, in milliseconds since the Unix epoch.
    pub fn standing(&self, now_ms: u64) -> Standing {
        match self {
            Self { revoked_at_ms: Some(_), .. } => Standing::Revoked,
            Self { expires_at_ms: Some(at), .. } if *at <= now_ms => Standing::Expired,
            _ => Standing::Valid,
        }
    }
}

impl Standing {
    /// The word for it in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn key(expires_at_ms: Option<u64>, revoked_at_ms: Option<u64>) -> Key {
        Key {
            id: KeyId::of_random([7; KEY_ID_LENGTH]),
            principal: Arc::new(Principal {
                tenant: Default::default(),
                person: "ann".parse().unwrap(),
                roles: BTreeSet::new(),
                groups: BTreeSet::new(),
            }),
            secret: Digest::of(b"secret"),
            created_at_ms: 1,
            expires_at_ms,
            revoked_at_ms,
        }
    }

    #[test]
    fn a_key_is_taken_until_its_time_is_over_or_it_is_revoked() {
        assert_eq!(key(None, None).standing(u64::MAX), Standing::Valid);
        assert_eq!(key(Some(5), None).standing(4), Standing::Valid);
        assert_eq!(key(Some(5), None).standing(5), Standing::Expired);
        assert_eq!(key(Some(5), Some(9)).standing(4), Standing::Revoked);
        assert_eq!(key(Some(5), Some(3)).standing(9), Standing::Revoked);
    }

    #[test]
    fn an_id_reads_back_whatever_it_was_made_of() {
        for byte in 0..=u8::MAX {
            let id = KeyId::of_random([byte; KEY_ID_LENGTH]);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "short", "abcdefghijklm", "ABCDEFGHIJKL", "abcdef/hijkl", "äääääää"]
        {
            assert_eq!(text.parse::<KeyId>(), Err(InvalidKeyId), "{text}");
        }
    }
}
