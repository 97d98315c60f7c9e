//! Tokens of an issuer that the operator trusts: JWTs (RFC 7519), signed by keys that the issuer
//! publishes (OpenID Connect Discovery 1.0).
//!
//! What RFC 8725 asks for: the algorithm is one that the operator listed and never what the token
//! would like, it fits the key, issuer and audience are checked, and the token must expire. There
//! is no name here for `none`, nor for an algorithm whose key is a shared secret.

mod claims;
mod discovery;
mod fetch;
mod issuer_keys;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};
use writ_core::{Principal, Tenant};

use crate::config::root::{ReadError, Root};
pub use claims::ClaimNames;
pub use discovery::description_of;
use issuer_keys::IssuerKeys;

/// How far the issuer's clock may be from this host's, in seconds.
const LEEWAY_S: u64 = 60;

/// Whose tokens are taken, and what they must say.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// The value of `iss`.
    pub issuer: String,
    /// A value of `aud`: this host.
    pub audience: String,
    /// How tokens may be signed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// Where the issuer's keys are.
    pub keys: KeySource,
    /// What the claims are called that name a principal.
    pub claims: ClaimNames,
    /// How long to wait at least before the keys are read again.
    pub refresh_min: Duration,
}

/// Where an issuer's keys are: a JWK Set (RFC 7517).
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Where the issuer says, in its description at this URL.
    Described(Url),
    /// At a URL that nobody on the way can read or change.
    Url(Url),
    /// In a file, inside of the configuration's directory.
    File(Arc<Root>, String),
}

/// How a token may be signed (RFC 7518, RFC 8037): with a private key, and checked with a public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum SigningAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// Tells whom a token names.
pub struct Jwt {
    config: JwtConfig,
    tenant: Tenant,
    keys: Arc<IssuerKeys>,
}

/// Tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// The file of keys cannot be read.
    #[error(transparent)]
    File(#[from] ReadError),
    /// The keys cannot be asked for.
    #[error("the issuer cannot be asked for its keys: {0}")]
    Http(#[from] reqwest::Error),
    /// It answers something else.
    #[error("the issuer answers {0} where its keys or its description should be")]
    Status(reqwest::StatusCode),
    /// There are more bytes than keys need.
    #[error("what the issuer publishes has more than {0} bytes")]
    TooLarge(u64),
    /// They are no JWK Set.
    #[error("the issuer's keys are no JWK Set (RFC 7517): {0}")]
    Json(#[from] serde_json::Error),
    /// Its description cannot be read.
    #[error("the issuer's description is not that of OpenID Connect Discovery: {0}")]
    Description(serde_json::Error),
    /// The description is another's.
    #[error("the description at the issuer's URL is that of `{0}`")]
    AnotherIssuer(String),
    /// The keys are nowhere, or where whoever is between could change them.
    #[error("the issuer says that its keys are at `{0}`, which is no `https` URL")]
    KeysUrl(String),
}

/// Why a token names nobody, for the log. It holds nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenFault(&'static str);

impl Jwt {
    /// Reads the issuer's keys. An issuer that does not answer is asked again when a token comes.
    ///
    /// # Errors
    /// Where a file of keys cannot be used, or the system's certificates cannot be read.
    pub async fn open(config: JwtConfig, tenant: Tenant) -> Result<Self, JwtError> {
        let keys = Arc::new(IssuerKeys::open(&config).await?);
        Ok(Self { config, tenant, keys })
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Whom a token names.
    ///
    /// # Errors
    /// Why it names nobody.
    pub(super) async fn principal(&self, token: &str) -> Result<Arc<Principal>, TokenFault> {
        let header = decode_header(token).map_err(|error| TokenFault::of(error.kind()))?;
        let allowed = self.config.algorithms.iter().map(|algorithm| algorithm.in_tokens());
        if !allowed.into_iter().any(|algorithm| algorithm == header.alg) {
            return Err(TokenFault("its algorithm is not one of those that are allowed"));
        }
        if header.crit.is_some() {
            return Err(TokenFault("it has a critical header that this host does not know"));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await;
        let key = key.ok_or(TokenFault("its key is not one of the issuer's"))?;
        let claims = decode::<Map<String, Value>>(token, &key, &self.validation(header.alg));
        let claims = claims.map_err(|error| TokenFault::of(error.kind()))?.claims;
        self.config.claims.principal(&claims, &self.tenant).map(Arc::new)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }
}

impl SigningAlgorithm {
    /// Those that are allowed where the operator lists none: one of each family, and the one of
    /// that family that issuers use.
    pub const DEFAULT: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    fn in_tokens(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::RS384 => Algorithm::RS384,
            Self::RS512 => Algorithm::RS512,
            Self::PS256 => Algorithm::PS256,
            Self::PS384 => Algorithm::PS384,
            Self::PS512 => Algorithm::PS512,
            Self::ES256 => Algorithm::ES256,
            Self::ES384 => Algorithm::ES384,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}

impl TokenFault {
    fn of(kind: &ErrorKind) -> Self {
        Self(match kind {
            ErrorKind::InvalidSignature => "its signature is another",
            ErrorKind::ExpiredSignature => "it has expired",
            ErrorKind::ImmatureSignature => "it is not valid yet",
            ErrorKind::InvalidIssuer => "it is of another issuer",
            ErrorKind::InvalidAudience => "it is for another audience",
            ErrorKind::InvalidAlgorithm => "its algorithm does not fit its key",
            ErrorKind::MissingRequiredClaim(_) => "it lacks `exp`, `iss` or `aud`",
            _ => "it is no JWT that can be read",
        })
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
