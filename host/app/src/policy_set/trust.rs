//! Whose signatures count: the keys of `[policies]`, and whether a component needs one by one of them.
//!
//! Signatures are minisign's (Ed25519 over a BLAKE2b of the component), so that keys and signatures of
//! other tools do. The starter policies need none: they are as much of the host as what would check it.

use std::str::FromStr;

use minisign_verify::{Error, PublicKey};
use writ_core::Digest;

use crate::builtin;

/// What a signature's file is called after its component's.
pub const SIGNATURE_SUFFIX: &str = ".minisig";
/// How large a signature may be, in bytes: two comments, of which minisign writes 8 KiB at most.
pub const SIGNATURE_BYTES_MAX: u64 = 10 << 10;

/// Whose signatures count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    keys: Vec<TrustedKey>,
    is_required: bool,
}

/// A public key, as minisign writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    text: String,
    key: PublicKey,
}

/// Who signed a component, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The key, as text.
    pub by: String,
    /// The signature, as text.
    pub text: String,
    /// The comment that is signed with it: any text that the signer chose.
    pub comment: String,
}

/// A text is no public key.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no public key of minisign\nhint: it is the line that begins with `RW` of the file `NAME.pub`, which `writ policy keygen NAME` makes"
)]
pub struct InvalidKey(String);

/// A signature is asked for, and there is none that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is none.
    #[error(
        "it is not signed\nhint: sign it with `writ policy sign`, and keep the signature beside it or push it with `writ policy push --signature`"
    )]
    Unsigned,
    /// It is by a key that is not configured.
    #[error(
        "it is signed by none of the keys in `[policies]`\nhint: have it signed by one of them, or add the key that signed it to `keys`"
    )]
    OtherKey,
    /// It is about other bytes, or was itself changed.
    #[error(
        "its signature does not fit: the component or the signature was changed, or it is another component's\nhint: sign the component once more, if it is what it should be"
    )]
    Mismatch,
    /// It is of a kind that nobody should make any more.
    #[error(
        "its signature is of minisign's old kind, which is not taken\nhint: sign it with `writ policy sign`, or with `minisign` without `-l`"
    )]
    Legacy,
    /// It is none.
    #[error(
        "its signature is none that minisign writes\nhint: give the whole file that `writ policy sign` wrote, with its four lines"
    )]
    Malformed,
    /// It is longer than any.
    #[error(
        "its signature has more than {SIGNATURE_BYTES_MAX} bytes\nhint: give the file that `writ policy sign` wrote, with its four lines"
    )]
    TooLarge,
    /// Nothing is there to check it by.
    #[error(
        "this host has no key to check a signature by\nhint: add the public key to `keys` in `[policies]`, or leave the signature out"
    )]
    NoKeys,
}

impl Untrusted {
    /// Why, in one line: without what to do.
    pub fn reason(&self) -> String {
        let text = self.to_string();
        text.split_once("\nhint: ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
    }
}

impl Trust {
    /// In signatures by some keys; with `is_required`, nothing is loaded without one.
    pub fn new(keys: Vec<TrustedKey>, is_required: bool) -> Self {
        Self { keys, is_required }
    }

    /// Whether a signature can be checked.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Who signed a component, by the first signature that counts; none where none is needed.
    ///
    /// # Errors
    /// Why it may not be loaded.
    pub fn judge<'a>(
        &self,
        component: &[u8],
        signatures: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Signed>, Untrusted> {
        let mut why = None;
        for signature in signatures {
            match self.verify(component, signature) {
                Ok(signed) => return Ok(Some(signed)),
                Err(error) => why = why.or(Some(error)),
            }
        }
        match self.is_required && builtin::with_digest(&Digest::of(component)).is_none() {
            true => Err(why.unwrap_or(Untrusted::Unsigned)),
            false => Ok(None),
        }
    }

    /// Who signed a component.
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn verify(&self, component: &[u8], signature: &str) -> Result<Signed, Untrusted> {
        if !self.has_keys() {
            return Err(Untrusted::NoKeys);
        }
        if signature.len() as u64 > SIGNATURE_BYTES_MAX {
            return Err(Untrusted::TooLarge);
        }
        let parsed = minisign_verify::Signature::decode(signature);
        let parsed = parsed.map_err(|_| Untrusted::Malformed)?;
        let mut why = Untrusted::OtherKey;
        for TrustedKey { text, key } in &self.keys {
            match key.verify(component, &parsed, false) {
                Ok(()) => {
                    let comment = parsed.trusted_comment().to_owned();
                    return Ok(Signed { by: text.clone(), text: signature.to_owned(), comment });
                }
                Err(Error::UnexpectedKeyId) => {}
                Err(Error::UnexpectedAlgorithm) => why = Untrusted::Legacy,
                Err(_) => why = Untrusted::Mismatch,
            }
        }
        Err(why)
    }
}

impl FromStr for TrustedKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let key = PublicKey::from_base64(text).map_err(|_| InvalidKey(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_set::SecretKey;

    fn trust(keys: &[&SecretKey]) -> Trust {
        Trust::new(keys.iter().map(|key| key.public().parse().unwrap()).collect(), true)
    }

    fn signed(key: &SecretKey, component: &[u8]) -> String {
        key.sign(component, "trusted")
    }

    fn pair() -> SecretKey {
        SecretKey::generate().unwrap()
    }

    #[test]
    fn what_a_configured_key_signed_counts_and_nothing_else() {
        let (ours, also, theirs) = (pair(), pair(), pair());
        let trust = trust(&[&also, &ours]);
        let good = signed(&ours, b"component");
        let other = signed(&theirs, b"component");
        let judged = trust.judge(b"component", [other.as_str(), &good]).unwrap().unwrap();
        assert_eq!((judged.by, &judged.text), (ours.public(), &good));
        assert_eq!(judged.comment, "trusted");
        let check = |component: &[u8], signatures: &[&str], why: Untrusted| {
            assert_eq!(trust.judge(component, signatures.iter().copied()).unwrap_err(), why);
        };
        check(b"component", &[], Untrusted::Unsigned);
        check(b"component", &[&other], Untrusted::OtherKey);
        check(b"Component", &[&good], Untrusted::Mismatch);
        check(b"component", &["no signature"], Untrusted::Malformed);
        check(
            b"component",
            &[&good.replace("trusted comment: trusted", "trusted comment: x")],
            Untrusted::Mismatch,
        );
        assert_eq!(Trust::default().judge(b"component", []), Ok(None));
        assert_eq!(Trust::default().verify(b"component", &good), Err(Untrusted::NoKeys));
    }

    #[test]
    fn a_signature_may_have_so_many_bytes_and_no_more() {
        let ours = pair();
        let trust = trust(&[&ours]);
        let bytes_max = usize::try_from(SIGNATURE_BYTES_MAX).unwrap();
        let spare = bytes_max - ours.sign(b"component", "").len();
        let largest = ours.sign(b"component", &"x".repeat(spare));
        assert_eq!(largest.len(), bytes_max);
        assert!(trust.verify(b"component", &largest).is_ok());
        let larger = ours.sign(b"component", &"x".repeat(spare + 1));
        assert_eq!(trust.verify(b"component", &larger), Err(Untrusted::TooLarge));
    }

    #[test]
    fn no_byte_of_a_signature_can_be_changed() {
        let ours = pair();
        let (trust, good) = (trust(&[&ours]), signed(&ours, b"component"));
        let comment = good.find('\n').unwrap();
        for at in comment + 1..good.trim_end().len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(trust.verify(b"component", &text).is_err(), "{at}: {text}");
        }
    }

    #[test]
    fn a_starter_policy_needs_no_signature() {
        let trust = trust(&[&pair()]);
        let starter = builtin::ALL[0].bytes;
        assert_eq!(trust.judge(starter, []), Ok(None));
        assert_eq!(trust.judge(&starter[1..], []), Err(Untrusted::Unsigned));
    }
}
