//! Keys that sign policies, and signatures by them, as minisign writes them.
//!
//! Only commands have them: a host holds public keys alone, and another crate checks signatures
//! ([`super::Trust`]). The format is minisign's own; the crate of that name, which signs, is not used, since it
//! would bring older versions of what half of the dependencies share.

use std::fmt;

use aws_lc_rs::signature::{ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2b_simd::Params as Blake2b;
use zeroize::Zeroizing;

/// Ed25519; of signatures: over the bytes themselves.
const ED25519: [u8; 2] = *b"Ed";
/// Ed25519 over a BLAKE2b.
const PREHASHED: [u8; 2] = *b"ED";
/// A password becomes a key by scrypt.
const SCRYPT: [u8; 2] = *b"Sc";
/// No password protects it.
const PLAIN: [u8; 2] = [0; 2];
/// What tells a wrong password is a BLAKE2b.
const BLAKE2B: [u8; 2] = *b"B2";
const SALT_BYTES: usize = 32;
const ID_BYTES: usize = 8;
const SEED_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 32;
/// What a password hides: id, seed, public key, checksum.
const HIDDEN_BYTES: usize = ID_BYTES + SEED_BYTES + ED25519_PUBLIC_KEY_LEN + CHECKSUM_BYTES;
/// What scrypt may cost for a new key: 2^17 blocks of 1 KiB, so some tenths of a second and 128 MiB.
const COST: Cost = Cost { operations: 1 << 22, bytes: 128 << 20 };
/// What it may cost for any key, as a power of two: a gibibyte, which minisign's own take.
const LOG_MAX: u8 = 20;

/// A secret key.
pub struct SecretKey {
    id: [u8; ID_BYTES],
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pair: Ed25519KeyPair,
}

/// A text is no secret key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretKey {
    /// It is none.
    #[error(
        "this is no secret key of minisign\nhint: give the file `NAME.key`, which `writ policy keygen NAME` makes"
    )]
    Text,
    /// It is not what it was.
    #[error("the key is damaged")]
    Damaged,
    /// The password is another, or the key is not what it was.
    #[error("the password does not open the key, or the key is damaged")]
    Password,
    /// Opening it would take more than it should.
    #[error("to open the key takes more than a gibibyte of memory, or too long")]
    Cost,
}

/// The operating system gives no random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random")]
pub struct NoRandom;

/// A secret key as it is kept.
pub struct Boxed {
    protection: [u8; 2],
    salt: [u8; SALT_BYTES],
    cost: Cost,
    /// The secret itself where there is no password.
    hidden: Zeroizing<[u8; HIDDEN_BYTES]>,
}

/// What scrypt may cost, as libsodium counts it.
#[derive(Clone, Copy, Debug)]
struct Cost {
    operations: u64,
    bytes: u64,
}

impl SecretKey {
    /// A new one.
    ///
    /// # Errors
    /// Where there is no random.
    pub fn generate() -> Result<Self, NoRandom> {
        let (id, mut seed) = (random()?, Zeroizing::new([0; SEED_BYTES]));
        fill(&mut seed[..])?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..]);
        Ok(Self { id, seed, pair: pair.expect("any bytes of this length are a seed") })
    }

    /// The public half, as a configuration names it.
    pub fn public(&self) -> String {
        STANDARD.encode([&ED25519[..], &self.id, self.pair.public_key().as_ref()].concat())
    }

    /// The file of the public half.
    pub fn public_file(&self) -> String {
        let id = u64::from_le_bytes(self.id);
        format!("untrusted comment: minisign public key {id:016X}\n{}\n", self.public())
    }

    /// The file of the secret half, protected by a password where there is one.
    ///
    /// # Errors
    /// Where there is no random.
    pub fn file(&self, password: Option<&str>) -> Result<Zeroizing<String>, NoRandom> {
        let mut boxed = Boxed {
            protection: PLAIN,
            salt: [0; SALT_BYTES],
            cost: Cost { operations: 0, bytes: 0 },
            hidden: self.bytes(),
        };
        if let Some(password) = password {
            (boxed.protection, boxed.salt, boxed.cost) = (SCRYPT, random()?, COST);
            boxed.hide(password).expect("what new keys cost is less than the bound");
        }
        Ok(boxed.text())
    }

    /// The file of a signature of a component, with a comment that is signed, too.
    pub fn sign(&self, component: &[u8], comment: &str) -> String {
        let hash = blake2b_simd::blake2b(component);
        let signature = self.pair.sign(hash.as_bytes());
        let signature = signature.as_ref();
        let both = self.pair.sign(&[signature, comment.as_bytes()].concat());
        let first = STANDARD.encode([&PREHASHED[..], &self.id, signature].concat());
        let second = STANDARD.encode(both.as_ref());
        let untrusted = "untrusted comment: signature of a policy of Writ";
        format!("{untrusted}\n{first}\ntrusted comment: {comment}\n{second}\n")
    }

    fn bytes(&self) -> Zeroizing<[u8; HIDDEN_BYTES]> {
        let public = self.pair.public_key().as_ref();
        let checksum = checksum(&self.id, &self.seed[..], public);
        let parts = [&self.id[..], &self.seed[..], public, &checksum];
        let bytes = Zeroizing::new(parts.concat());
        Zeroizing::new(bytes.as_slice().try_into().expect("the parts are of these lengths"))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl Boxed {
    /// Reads the file of a secret key.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(text: &str) -> Result<Self, InvalidSecretKey> {
        let line = text.lines().nth(1).ok_or(InvalidSecretKey::Text)?;
        let bytes = STANDARD.decode(line.trim()).map_err(|_| InvalidSecretKey::Text)?;
        let bytes = Zeroizing::new(bytes);
        Self::parse(&bytes).ok_or(InvalidSecretKey::Text)
    }

    /// Whether a password protects it.
    pub fn is_protected(&self) -> bool {
        self.protection != PLAIN
    }

    /// Opens it; the password is used where one protects it.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn open(mut self, password: &str) -> Result<SecretKey, InvalidSecretKey> {
        let damaged = match self.is_protected() {
            true => InvalidSecretKey::Password,
            false => InvalidSecretKey::Damaged,
        };
        if self.is_protected() {
            self.hide(password)?;
        }
        let mut rest = &self.hidden[..];
        let (id, seed) = (take::<ID_BYTES>(&mut rest), take::<SEED_BYTES>(&mut rest));
        let public = take::<ED25519_PUBLIC_KEY_LEN>(&mut rest);
        let seed = seed.map(Zeroizing::new);
        let (Some(id), Some(seed), Some(public)) = (id, seed, public) else { return Err(damaged) };
        // minisign writes none where there is no password.
        let is_unchecked = !self.is_protected() && rest == [0; CHECKSUM_BYTES];
        if !is_unchecked
            && !constant_time_eq::constant_time_eq(&checksum(&id, &seed[..], &public), rest)
        {
            return Err(damaged);
        }
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed[..], &public);
        Ok(SecretKey { id, seed, pair: pair.map_err(|_| damaged)? })
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let algorithm = take(&mut bytes)?;
        let protection = take(&mut bytes)?;
        let check = take(&mut bytes)?;
        let salt = take(&mut bytes)?;
        let operations = u64::from_le_bytes(take(&mut bytes)?);
        let cost = Cost { operations, bytes: u64::from_le_bytes(take(&mut bytes)?) };
        let hidden = Zeroizing::new(take(&mut bytes)?);
        let is_known = algorithm == ED25519 && [SCRYPT, PLAIN].contains(&protection);
        let is_whole = bytes.is_empty() && check == BLAKE2B;
        (is_known && is_whole).then_some(Self { protection, salt, cost, hidden })
    }

    fn text(&self) -> Zeroizing<String> {
        let Self { protection, salt, cost: Cost { operations, bytes }, hidden } = self;
        let (operations, bytes) = (operations.to_le_bytes(), bytes.to_le_bytes());
        let parts = [&ED25519[..], protection, &BLAKE2B, salt, &operations, &bytes, &hidden[..]];
        let line = Zeroizing::new(STANDARD.encode(&*Zeroizing::new(parts.concat())));
        let comment = "untrusted comment: secret key that signs policies of Writ";
        Zeroizing::new([comment, "\n", &line, "\n"].concat())
    }

    /// Hides what is open, and opens what is hidden.
    fn hide(&mut self, password: &str) -> Result<(), InvalidSecretKey> {
        let params = self.cost.params().ok_or(InvalidSecretKey::Cost)?;
        let mut stream = Zeroizing::new([0; HIDDEN_BYTES]);
        let derived = scrypt::scrypt(password.as_bytes(), &self.salt, &params, &mut stream[..]);
        derived.expect("scrypt gives as many bytes as these");
        for (byte, with) in self.hidden.iter_mut().zip(stream.iter()) {
            *byte ^= with;
        }
        Ok(())
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Boxed").field("cost", &self.cost).finish_non_exhaustive()
    }
}

impl Cost {
    /// What libsodium makes of it: blocks of 8, as many as memory has room for or operations allow, and
    /// as often beside each other as operations are left for. None where that is too much.
    fn params(self) -> Option<scrypt::Params> {
        const BLOCKS: u32 = 8;
        let operations = self.operations.max(1 << 15);
        let (rounds_max, is_bound_by_memory) = match operations < self.bytes / 32 {
            true => (operations / (u64::from(BLOCKS) * 4), false),
            false => (self.bytes / (u64::from(BLOCKS) * 128), true),
        };
        // The lowest power of two above a half of that, and no less than two.
        let log = (1..63).find(|log| 1_u64 << log > rounds_max / 2)?;
        let beside = match is_bound_by_memory {
            true => ((operations / 4) >> log).min(0x3fff_ffff) / u64::from(BLOCKS),
            false => 1,
        };
        let is_bearable = log <= LOG_MAX && beside <= 16;
        let params = scrypt::Params::new(log, BLOCKS, u32::try_from(beside).ok()?).ok()?;
        is_bearable.then_some(params)
    }
}

fn checksum(id: &[u8], seed: &[u8], public: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut state = Blake2b::new().hash_length(CHECKSUM_BYTES).to_state();
    let hash = state.update(&ED25519).update(id).update(seed).update(public).finalize();
    hash.as_bytes().try_into().expect("it is of this length")
}

/// The next bytes.
fn take<const BYTES: usize>(bytes: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], NoRandom> {
    let mut bytes = [0; BYTES];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), NoRandom> {
    getrandom::fill(bytes).map_err(|_| NoRandom)
}

#[cfg(test)]
mod tests;
