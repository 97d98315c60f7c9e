//! The signature on what a denial is about: a JWS (RFC 7515) by Ed25519 (RFC 8037).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use writ_core::receipt::{Parts, Signature};
use writ_core::tool::Bytes;
use writ_core::{Digest, Tenant};
use writ_store::StoreError;

use super::Binding;
use crate::clock::rfc3339;

/// How long a denial may be put to people, in milliseconds: 10 minutes.
pub(super) const LIFETIME_MS: u64 = 600_000;

/// Signs denials, and knows its own signature.
pub struct Signer {
    signs: EncodingKey,
    checks: DecodingKey,
    /// The public key (RFC 7517).
    jwk: Value,
    /// The same key pair, for what is no denial.
    pair: Ed25519KeyPair,
    /// The public key, in base64url.
    public: String,
    /// Names the key, and so whoever signs with it: its thumbprint (RFC 7638).
    id: String,
}

/// A denial that may be put to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What it is about, signed.
    pub token: String,
    /// Until when it may be put to people (RFC 3339).
    pub expires_at: String,
}

/// There is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
    /// What is kept is no key.
    #[error("it is no Ed25519 key in PKCS #8\nhint: move it away, and a new one is made")]
    NoKey,
    /// The store cannot tell or keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All that there are were retired.
    #[error("no signing key is in use\nhint: start the server again: it makes one")]
    NoneInUse,
}

/// Why a token binds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not this host's, or not for this tenant, or says something else than its caller.
    Unbound(&'static str),
    /// Its time is over.
    Expired,
}

impl Rejected {
    /// It was signed by somebody else.
    pub(super) const FOREIGN: Self =
        Self::Unbound("`binding_token` is not one of this decision point's");
}

impl Denial {
    /// The key that it says it was signed with.
    pub(super) fn kid(&self) -> Option<String> {
        decode_header(&self.token).ok()?.kid
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// In seconds since the Unix epoch, as is `exp`.
    iat: u64,
    exp: u64,
    jti: String,
    tenant: Tenant,
    denial_expires_at: String,
    #[serde(flatten)]
    binding: Binding,
}

impl Signer {
    /// A new key, as PKCS #8 (RFC 5208).
    ///
    /// # Errors
    /// [`SignerError::Random`].
    pub fn generate() -> Result<Vec<u8>, SignerError> {
        let key = Ed25519KeyPair::generate().map_err(|_| SignerError::Random)?;
        let document = key.to_pkcs8().map_err(|_| SignerError::Random)?;
        Ok(document.as_ref().to_vec())
    }

    /// Signs with a key.
    ///
    /// # Errors
    /// [`SignerError::NoKey`].
    pub fn new(pkcs8: &[u8]) -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| SignerError::NoKey)?;
        let public = pair.public_key().as_ref();
        let x = URL_SAFE_NO_PAD.encode(public);
        let id = thumbprint(&x);
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig", "alg": "EdDSA",
        });
        let checks = DecodingKey::from_ed_der(public);
        Ok(Self { signs: EncodingKey::from_ed_der(pkcs8), checks, jwk, pair, public: x, id })
    }

    /// The public key (RFC 7517).
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.id
    }

    /// Signs what a denial at a time is about.
    pub fn sign(&self, tenant: &Tenant, binding: Binding, now_ms: u64) -> Denial {
        let end_ms = now_ms.saturating_add(LIFETIME_MS);
        let expires_at = rfc3339(end_ms / 1_000 * 1_000);
        let claims = Claims {
            iss: self.name(),
            aud: self.name(),
            iat: now_ms / 1_000,
            exp: end_ms / 1_000,
            jti: Uuid::now_v7().to_string(),
            tenant: tenant.clone(),
            denial_expires_at: expires_at.clone(),
            binding,
        };
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = encode(&header, &claims, &self.signs).expect("a checked key signs plain JSON");
        Denial { token, expires_at }
    }

    /// What a denial was about, and its token's own id.
    ///
    /// # Errors
    /// [`Rejected`]
    pub fn verify(&self, tenant: &Tenant, denial: &Denial) -> Result<(Binding, String), Rejected> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = 0;
        validation.set_issuer(&[self.name()]);
        validation.set_audience(&[self.name()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims = decode::<Claims>(&denial.token, &self.checks, &validation);
        let claims = claims.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => Rejected::Expired,
            _ => Rejected::FOREIGN,
        })?;
        let Claims { tenant: of, denial_expires_at, binding, jti, .. } = claims.claims;
        if of != *tenant {
            return Err(Rejected::FOREIGN);
        }
        if !same_time(&denial_expires_at, &denial.expires_at) {
            return Err(Rejected::Unbound("`expires_at` is not the one of the denial"));
        }
        Ok((binding, jti))
    }

    /// Vouches for the parts of a receipt.
    pub fn vouch(&self, parts: Parts) -> Signature {
        let (kid, key) = (self.id.clone(), self.public.clone());
        let signed = Signature::signed(&kid, &parts);
        let value = Bytes(self.pair.sign(signed.as_bytes()).as_ref().to_vec());
        Signature { kid, key, parts, value }
    }

    /// Who signs, and for whom: this decision point, which has no other name that all callers know.
    fn name(&self) -> String {
        format!("urn:writ:decision-point:{}", self.id)
    }
}

/// The thumbprint (RFC 7638) of a public key in base64url.
pub(crate) fn thumbprint(key: &str) -> String {
    // The members in this order are what is hashed (RFC 7638, section 3; RFC 8037, appendix A).
    let thumbprint = Digest::of(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{key}"}}"#));
    URL_SAFE_NO_PAD.encode(thumbprint.as_bytes())
}

/// Whether two texts are the same time; no text that is none is.
fn same_time(left: &str, right: &str) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    time(left).is_some() && time(left) == time(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(&Signer::generate().unwrap()).unwrap()
    }

    fn binding() -> Binding {
        let (evaluation_id, binding_hash) = ("e".to_owned(), "h".to_owned());
        Binding { evaluation_id, binding_context_members: vec!["session".into()], binding_hash }
    }

    fn denied(signer: &Signer, at_ms: u64) -> Denial {
        signer.sign(&Tenant::default(), binding(), at_ms)
    }

    #[track_caller]
    fn check(signer: &Signer, tenant: &Tenant, denial: &Denial, expected: Result<(), Rejected>) {
        let found = signer.verify(tenant, denial).map(|(found, _)| assert_eq!(found, binding()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_denial_is_known_again_and_nobody_elses() {
        let (signer, tenant, now_ms) = (signer(), Tenant::default(), crate::clock::now_ms());
        let denial = denied(&signer, now_ms);
        check(&signer, &tenant, &denial, Ok(()));
        let unknown = Rejected::FOREIGN;
        check(&self::signer(), &tenant, &denial, Err(unknown));
        check(&signer, &"other".parse().unwrap(), &denial, Err(unknown));
        let mut changed = denial.clone();
        changed.token.replace_range(40..41, if &changed.token[40..41] == "A" { "B" } else { "A" });
        check(&signer, &tenant, &changed, Err(unknown));
        let later = Denial { expires_at: "2999-01-01T00:00:00Z".into(), ..denial };
        let moved = Rejected::Unbound("`expires_at` is not the one of the denial");
        check(&signer, &tenant, &later, Err(moved));
    }

    #[test]
    fn a_denial_ends() {
        let (signer, long_ago) = (signer(), 1_700_000_000_000);
        let denial = denied(&signer, long_ago);
        assert_eq!(denial.expires_at, "2023-11-14T22:23:20Z");
        check(&signer, &Tenant::default(), &denial, Err(Rejected::Expired));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(matches!(Signer::new(b"key"), Err(SignerError::NoKey)));
    }
}
