//! Values that only whoever has a key can read: XChaCha20-Poly1305, each bound to its place.
//!
//! A sealed value says which key it was sealed with, so several may be in use side by side, and
//! beside values that were never sealed. It opens only where it was sealed: tenant, table, column and
//! row are authenticated with it. Whoever may write the database can still put an earlier value of
//! the same row in its place; that is what the chain of events tells.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use writ_core::{Digest, Tenant};

use crate::execution::PAGE_MAX;

/// How many bytes a key has.
pub const SEALING_KEY_BYTES: usize = 32;
/// How long a key's id may be, in bytes.
pub const SEALING_KEY_ID_BYTES_MAX: usize = 64;
const NONCE_BYTES: usize = 24;
/// The bytes of a nonce that are drawn once a process; the others count.
const DRAWN_BYTES: usize = 16;
/// What every sealed value begins with, and no value that is not: those are JSON, or base64.
const MARK: &str = "sealed:1:";

/// The keys with which values are sealed and opened, cheap to clone. Without any, values are kept
/// as they are.
#[derive(Clone, Default)]
pub struct Sealing(Option<Arc<Ring>>);

struct Ring {
    active: String,
    keys: BTreeMap<String, XChaCha20Poly1305>,
    drawn: [u8; DRAWN_BYTES],
    count: AtomicU64,
}

/// Keys that values cannot be sealed with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSealing {
    /// None has the active one's id.
    #[error("no key is named `{0}`, which is the active one")]
    NoActive(String),
    /// An id cannot be.
    #[error(
        "`{0}` is no id of a key\nhint: use 1 to {SEALING_KEY_ID_BYTES_MAX} of a-z, A-Z, 0-9, `-`, `_` and `.`"
    )]
    Id(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// A sealed value does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a key that this host does not have.
    #[error(
        "{what} `{id}` is sealed with the key `{key}`, which is not configured\nhint: name it in `[encryption.keys]`, until `writ keys rotate-data` has sealed everything with another"
    )]
    UnknownKey {
        /// What it is.
        what: &'static str,
        /// Which.
        id: String,
        /// The key's id.
        key: String,
    },
    /// It was changed, or is not where it was sealed, or its key is another of the same id.
    #[error(
        "{what} `{id}` does not open with the key `{key}`: it was changed, or put where it does not belong, or the key is another one"
    )]
    Broken {
        /// What it is.
        what: &'static str,
        /// Which.
        id: String,
        /// The key's id.
        key: String,
    },
}

/// A column whose values are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// `executions.body`: arguments, results, errors, what people are asked and say.
    Execution,
    /// `decisions.policies`: what policies said, in rows from before there were batches.
    Decision,
    /// `decision_batches.body`: decisions with all that policies said.
    Decisions,
    /// `journal.body`: what tools were answered.
    Journal,
    /// `signing_keys.secret`
    SigningKey,
    /// `policy_sets.document`: what policies are configured with.
    PolicySet,
}

/// Opens what one tenant's rows hold.
#[derive(Clone, Copy)]
pub(crate) struct Opener<'a> {
    pub(crate) sealing: &'a Sealing,
    pub(crate) tenant: &'a Tenant,
}

impl Sealing {
    /// Seals with the key `active` of some, each with its id, and opens with any of them.
    ///
    /// # Errors
    /// Each of [`InvalidSealing`].
    pub fn new(
        active: &str,
        keys: impl IntoIterator<Item = (String, [u8; SEALING_KEY_BYTES])>,
    ) -> Result<Self, InvalidSealing> {
        let cipher = |(id, key): (String, _)| match is_id(&id) {
            true => Ok((id, XChaCha20Poly1305::new(&Key::from(key)))),
            false => Err(InvalidSealing::Id(id)),
        };
        let keys = keys.into_iter().map(cipher).collect::<Result<BTreeMap<_, _>, _>>()?;
        if !keys.contains_key(active) {
            return Err(InvalidSealing::NoActive(active.to_owned()));
        }
        let mut drawn = [0; DRAWN_BYTES];
        getrandom::fill(&mut drawn).map_err(|_| InvalidSealing::Random)?;
        let (active, count) = (active.to_owned(), AtomicU64::new(0));
        Ok(Self(Some(Arc::new(Ring { active, keys, drawn, count }))))
    }

    /// The id of the key that seals; none where nothing is sealed.
    pub fn active(&self) -> Option<&str> {
        self.0.as_ref().map(|ring| ring.active.as_str())
    }

    /// What values that are sealed with the active key begin with.
    pub(crate) fn active_mark(&self) -> Option<String> {
        self.active().map(|key| format!("{MARK}{key}:"))
    }

    /// A value as it is to be kept in a place.
    pub(crate) fn seal(
        &self,
        tenant: &Tenant,
        column: Sealed,
        (row, number): (&str, u64),
        value: String,
    ) -> String {
        let Some(ring) = &self.0 else { return value };
        let cipher = ring.keys.get(&ring.active).expect("the active key is one of the keys");
        let (nonce, place) = (ring.nonce(), column.place(tenant, &ring.active, row, number));
        let payload = Payload { msg: value.as_bytes(), aad: place.as_bytes() };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.expect("only values of 256 GiB are too long to be sealed");
        let mut kept = format!("{MARK}{}:", ring.active);
        STANDARD_NO_PAD.encode_string([&nonce[..], &sealed].concat(), &mut kept);
        kept
    }

    /// What a place holds. What was never sealed is as it was kept.
    pub(crate) fn open<'k>(
        &self,
        tenant: &Tenant,
        column: Sealed,
        (row, number): (&str, u64),
        kept: &'k str,
    ) -> Result<Cow<'k, str>, SealError> {
        let Some(rest) = kept.strip_prefix(MARK) else { return Ok(kept.into()) };
        let (key, sealed) = rest.split_once(':').unwrap_or_default();
        let (what, id, named) = (column.what(), row.to_owned(), key.to_owned());
        let Some(cipher) = self.0.as_ref().and_then(|ring| ring.keys.get(key)) else {
            return Err(SealError::UnknownKey { what, id, key: named });
        };
        let opened = || {
            let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
            let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
            let place = column.place(tenant, key, row, number);
            let payload = Payload { msg: sealed, aad: place.as_bytes() };
            let value = cipher.decrypt(&XNonce::from(*nonce), payload).ok()?;
            String::from_utf8(value).ok()
        };
        opened().map(Cow::from).ok_or(SealError::Broken { what, id, key: named })
    }

    /// Opens what one tenant's rows hold.
    pub(crate) fn of<'a>(&'a self, tenant: &'a Tenant) -> Opener<'a> {
        Opener { sealing: self, tenant }
    }
}

impl Opener<'_> {
    pub(crate) fn open<'k>(
        &self,
        column: Sealed,
        row: (&str, u64),
        kept: &'k str,
    ) -> Result<Cow<'k, str>, SealError> {
        self.sealing.open(self.tenant, column, row, kept)
    }
}

impl Sealed {
    pub(crate) const ALL: [Self; 6] = [
        Self::Execution,
        Self::Decision,
        Self::Decisions,
        Self::Journal,
        Self::SigningKey,
        Self::PolicySet,
    ];

    /// What a row is, in texts.
    fn what(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Decision => "decision",
            Self::Decisions => "a batch of decisions of strand",
            Self::Journal => "the journal of execution",
            Self::SigningKey => "signing key",
            Self::PolicySet => "policy set",
        }
    }

    /// The table, the column, and the columns that name a row.
    pub(crate) fn names(self) -> (&'static str, &'static str, &'static str, Option<&'static str>) {
        match self {
            Self::Execution => ("executions", "body", "id", None),
            Self::Decision => ("decisions", "policies", "id", None),
            Self::Decisions => ("decision_batches", "body", "strand", Some("number")),
            Self::Journal => ("journal", "body", "execution", Some("number")),
            Self::SigningKey => ("signing_keys", "secret", "kid", None),
            Self::PolicySet => ("policy_sets", "document", "named", None),
        }
    }

    /// How many rows are read at once at most: a batch of decisions may have a megabyte.
    pub(crate) fn rows_max(self) -> u32 {
        match self {
            Self::Decisions => 16,
            Self::Execution
            | Self::Decision
            | Self::Journal
            | Self::SigningKey
            | Self::PolicySet => PAGE_MAX,
        }
    }

    /// Names a place, and no other: what is authenticated with a value that is kept there.
    fn place(self, tenant: &Tenant, key: &str, row: &str, number: u64) -> Digest {
        let (table, column, ..) = self.names();
        let number = number.to_le_bytes();
        let texts = ["writ sealed 1", key, tenant.as_str(), table, column, row];
        let parts = texts.iter().map(|text| text.as_bytes());
        Digest::of_parts(parts.chain([&number[..]]))
    }
}

impl Ring {
    /// No two values of any process have the same: what was drawn is another process's with no
    /// chance that counts, and within a process it counts.
    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let (drawn, count) = nonce.split_at_mut(DRAWN_BYTES);
        drawn.copy_from_slice(&self.drawn);
        count.copy_from_slice(&self.count.fetch_add(1, Relaxed).to_le_bytes());
        nonce
    }
}

/// Without the keys.
impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").field("active", &self.active()).finish_non_exhaustive()
    }
}

fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=SEALING_KEY_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealing(active: &str) -> Sealing {
        Sealing::new(active, [("k1".into(), [1; 32]), ("k2".into(), [2; 32])]).unwrap()
    }

    fn sealed(by: &Sealing, value: &str) -> String {
        by.seal(&Tenant::default(), Sealed::Journal, ("e", 7), value.to_owned())
    }

    #[track_caller]
    fn check(kept: &str, place: (&str, Sealed, &str, u64), expected: Option<&str>) {
        let (tenant, column, row, number) = place;
        let tenant: Tenant = tenant.parse().unwrap();
        let opened = sealing("k2").open(&tenant, column, (row, number), kept);
        let broken = matches!(opened, Err(SealError::Broken { .. }));
        assert_eq!((opened.as_deref().ok(), broken), (expected, expected.is_none()));
    }

    #[test]
    fn a_value_opens_in_its_place_and_nowhere_else() {
        let kept = sealed(&sealing("k1"), "{\"secret\":1}");
        assert!(kept.starts_with("sealed:1:k1:") && !kept.contains("secret"), "{kept}");
        check(&kept, ("default", Sealed::Journal, "e", 7), Some("{\"secret\":1}"));
        check(&kept, ("other", Sealed::Journal, "e", 7), None);
        check(&kept, ("default", Sealed::Execution, "e", 7), None);
        check(&kept, ("default", Sealed::Journal, "f", 7), None);
        check(&kept, ("default", Sealed::Journal, "e", 8), None);
        check(&kept.replace(":k1:", ":k2:"), ("default", Sealed::Journal, "e", 7), None);
        check("sealed:1:k1:", ("default", Sealed::Journal, "e", 7), None);
    }

    #[test]
    fn the_same_value_is_never_sealed_the_same_way() {
        let sealing = sealing("k1");
        assert_ne!(sealed(&sealing, "a"), sealed(&sealing.clone(), "a"));
        assert_ne!(sealed(&self::sealing("k1"), "a"), sealed(&self::sealing("k1"), "a"));
    }

    #[test]
    fn what_was_never_sealed_is_as_it_is() {
        check("{}", ("default", Sealed::Execution, "e", 0), Some("{}"));
        assert_eq!(sealed(&Sealing::default(), "{}"), "{}");
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let kept = sealed(&sealing("k1"), "x");
        for without in
            [Sealing::default(), Sealing::new("k2", [("k2".to_owned(), [2; 32])]).unwrap()]
        {
            let opened = without.open(&Tenant::default(), Sealed::Journal, ("e", 7), &kept);
            let error = opened.unwrap_err();
            assert!(matches!(&error, SealError::UnknownKey { key, .. } if key == "k1"));
            assert!(error.to_string().contains("hint: name it in `[encryption.keys]`"));
        }
    }

    #[test]
    fn keys_that_cannot_be_are_refused() {
        let keys = |id: &str| [(id.to_owned(), [1; 32])];
        let refused = Sealing::new("k", keys("other")).unwrap_err();
        assert_eq!(refused, InvalidSealing::NoActive("k".into()));
        for id in ["", "a:b", "a b", &"k".repeat(65)] {
            let refused = Sealing::new(id, keys(id)).unwrap_err();
            assert_eq!(refused, InvalidSealing::Id(id.into()));
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_never_opens(value in "[a-z\\PC]{0,40}", at in 12_usize..100, bit in 0_u8..7) {
            let kept = sealed(&sealing("k1"), &value);
            prop_assert_eq!(sealing("k2").of(&Tenant::default()).open(Sealed::Journal, ("e", 7), &kept).unwrap(), value);
            let mut bytes = kept.into_bytes();
            let at = 12 + (at - 12) % (bytes.len() - 12);
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            let opened = sealing("k2").of(&Tenant::default()).open(Sealed::Journal, ("e", 7), &changed).map(Cow::into_owned);
            prop_assert!(matches!(opened, Err(SealError::Broken { .. })), "{:?}", opened);
        }
    }
}
