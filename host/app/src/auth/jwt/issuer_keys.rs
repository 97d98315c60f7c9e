//! The public keys of an issuer: read when the host starts, and again when they may have changed.
//!
//! They are read again when a token names a key that is not known, so that an issuer can change its
//! keys at any time, and when they are old, so that a key that it withdrew is forgotten. However
//! many tokens come, the issuer is asked at most once within a time that the operator sets.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::discovery::keys_of;
use super::fetch::{BYTES_MAX, fetch};
use super::{JwtConfig, JwtError, KeySource};
use crate::background::to_its_end;
use crate::config::root::Root;
use crate::outbound;

/// How long keys are used without asking whether they have changed.
const FRESH: Duration = Duration::from_secs(600);
/// How long keys are used where the issuer cannot be asked.
const USED_MAX: Duration = Duration::from_secs(86_400);
/// How long the issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many keys of a set are used: issuers have two or three.
const KEYS_MAX: usize = 100;

/// The keys of an issuer.
pub(super) struct IssuerKeys {
    source: Source,
    refresh_min: Duration,
    known: ArcSwap<Known>,
    // The turn to ask the issuer, and when it was last asked. Held while it answers: whoever
    // needs a key that is not known waits for the same answer.
    asked: Arc<Mutex<Option<Instant>>>,
}

enum Source {
    /// Where an issuer of this name describes itself.
    Described(String, Url),
    Url(Client, Url),
    File(Arc<Root>, String),
}

/// What the issuer last published.
#[derive(Default)]
struct Known {
    keys: Vec<IssuerKey>,
    /// None where it never answered.
    since: Option<Instant>,
}

struct IssuerKey {
    id: Option<String>,
    /// What it may be used with.
    algorithms: Vec<Algorithm>,
    key: Arc<DecodingKey>,
}

/// A JWK Set, whose keys are read one by one: one of a kind that is not known spoils no other.
#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl IssuerKeys {
    pub(super) async fn open(config: &JwtConfig) -> Result<Self, JwtError> {
        let source = match &config.keys {
            KeySource::Described(url) => Source::Described(config.issuer.clone(), url.clone()),
            KeySource::Url(url) => Source::Url(outbound::client(url, TIMEOUT)?, url.clone()),
            KeySource::File(root, name) => Source::File(root.clone(), name.clone()),
        };
        let known = match (source.read().await, &source) {
            (Ok(known), _) => known,
            (Err(error), Source::File(..)) => return Err(error),
            (Err(error), Source::Url(..) | Source::Described(..)) => {
                told(&error);
                Known::default()
            }
        };
        Ok(Self {
            source,
            refresh_min: config.refresh_min,
            known: ArcSwap::from_pointee(known),
            asked: Arc::new(Mutex::new(Some(Instant::now()))),
        })
    }

    /// The key of an id that may be used with an algorithm. Without an id, the only such key.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Option<Arc<DecodingKey>> {
        let known = self.known.load_full();
        match known.find(id, algorithm) {
            Some(key) if known.is_younger_than(FRESH) => return Some(key),
            // Whoever can do without an answer does not wait for another's.
            Some(_) => {
                if let Ok(turn) = self.asked.clone().try_lock_owned() {
                    self.refresh(turn).await;
                }
            }
            None => self.refresh(self.asked.clone().lock_owned().await).await,
        }
        let known = self.known.load_full();
        known.find(id, algorithm).filter(|_| known.is_younger_than(USED_MAX))
    }

    /// Asks the issuer, unless it has just been asked. Whoever stops waiting does not take that back: then
    /// nobody would have asked, and the next one would at once.
    async fn refresh(self: &Arc<Self>, mut asked: OwnedMutexGuard<Option<Instant>>) {
        if asked.is_some_and(|last| last.elapsed() < self.refresh_min) {
            return;
        }
        let this = self.clone();
        to_its_end(async move {
            match this.source.read().await {
                Ok(known) => this.known.store(Arc::new(known)),
                Err(error) => told(&error),
            }
            // When it has answered, so that who waited meanwhile does not ask it once more.
            *asked = Some(Instant::now());
        })
        .await;
    }
}

fn told(error: &JwtError) {
    tracing::error!(%error, "the keys of the issuer of tokens are not known");
}

impl Source {
    async fn read(&self) -> Result<Known, JwtError> {
        let bytes = match self {
            // Asked each time: an issuer may move its keys.
            Self::Described(issuer, url) => {
                let keys = keys_of(issuer, url, TIMEOUT).await?;
                fetch(&outbound::client(&keys, TIMEOUT)?, &keys).await?
            }
            Self::Url(client, url) => fetch(client, url).await?,
            Self::File(root, name) => root.read(name, BYTES_MAX)?,
        };
        let set: Set = serde_json::from_slice(&bytes)?;
        let keys = set.keys.into_iter().filter_map(IssuerKey::read).take(KEYS_MAX).collect();
        Ok(Known { keys, since: Some(Instant::now()) })
    }
}

impl Known {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let named = |key: &&IssuerKey| id.is_none() || key.id.as_deref() == id;
        let fitting = |key: &&IssuerKey| key.algorithms.contains(&algorithm);
        let mut found = self.keys.iter().filter(named).filter(fitting);
        let first = found.next()?;
        found.next().is_none().then(|| first.key.clone())
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() < age)
    }
}

impl IssuerKey {
    /// None where it is no public key for signatures.
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let mut algorithms = algorithms(&jwk.algorithm);
        if let Some(only) = jwk.common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let key = Arc::new(DecodingKey::from_jwk(&jwk).ok()?);
        Some(Self { id: jwk.common.key_id, algorithms, key })
    }
}

/// What a key may be used with. A shared secret is no key of an issuer's set.
fn algorithms(key: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match key {
        AlgorithmParameters::RSA(_) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => vec![ES256],
            EllipticCurve::P384 => vec![ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(key) => match key.curve {
            EllipticCurve::Ed25519 => vec![EdDSA],
            _ => Vec::new(),
        },
        // The type may get others.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{ClaimNames, SigningAlgorithm};
    use serde_json::json;
    use std::path::Path;
    use tokio::time::advance;

    /// Publishes a key (of RFC 8037, appendix A.2) under an id.
    fn publish(directory: &Path, id: &str) {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x});
        std::fs::write(directory.join("keys"), json!({"keys": [key]}).to_string()).unwrap();
    }

    async fn open(directory: &Path) -> Arc<IssuerKeys> {
        let root = Arc::new(Root::open(directory).unwrap());
        let name = String::new;
        let claims = ClaimNames { person: name(), roles: name(), groups: name(), tenant: None };
        let config = JwtConfig {
            issuer: name(),
            audience: name(),
            algorithms: SigningAlgorithm::DEFAULT.into(),
            keys: KeySource::File(root, "keys".into()),
            claims,
            refresh_min: Duration::from_secs(10),
        };
        Arc::new(IssuerKeys::open(&config).await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_withdrawn_is_forgotten_in_time() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), "old");
        let keys = open(directory.path()).await;
        let knows = async |id| keys.find(Some(id), Algorithm::EdDSA).await.is_some();
        publish(directory.path(), "new");
        advance(FRESH - Duration::from_secs(1)).await;
        assert!(knows("old").await);
        advance(Duration::from_secs(2)).await;
        assert!(!knows("old").await);
        assert!(knows("new").await);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_outlive_their_issuer_by_a_day_at_most() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), "a");
        let keys = open(directory.path()).await;
        let knows = async |id| keys.find(Some(id), Algorithm::EdDSA).await.is_some();
        std::fs::remove_file(directory.path().join("keys")).unwrap();
        advance(USED_MAX - Duration::from_secs(1)).await;
        assert!(knows("a").await);
        advance(Duration::from_secs(2)).await;
        assert!(!knows("a").await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_meanwhile_has_asked() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), "a");
        let keys = open(directory.path()).await;
        publish(directory.path(), "b");
        advance(Duration::from_secs(11)).await;
        tokio::select! {
            biased;
            _ = keys.find(Some("b"), Algorithm::EdDSA) => panic!("nobody has answered yet"),
            () = std::future::ready(()) => {}
        }
        // Whoever comes next waits for the answer to the first, and asks no more.
        drop(keys.asked.lock().await);
        publish(directory.path(), "c");
        assert!(keys.find(Some("b"), Algorithm::EdDSA).await.is_some());
        assert!(keys.find(Some("c"), Algorithm::EdDSA).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_not_known_is_looked_for_once_in_a_while() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), "a");
        let keys = open(directory.path()).await;
        let knows = async |id| keys.find(Some(id), Algorithm::EdDSA).await.is_some();
        publish(directory.path(), "b");
        advance(Duration::from_secs(9)).await;
        assert!(!knows("b").await);
        advance(Duration::from_secs(2)).await;
        assert!(knows("b").await);
        assert!(keys.find(Some("b"), Algorithm::ES256).await.is_none());
    }
}
