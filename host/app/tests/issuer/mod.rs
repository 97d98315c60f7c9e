//! An issuer of tokens: keys that are made for a test, and a server that publishes them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Seconds since the Unix epoch.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A private key and its name.
#[derive(Clone)]
pub(crate) struct Signer {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn rsa(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // The key (PKCS #1) is the last member of its envelope (PKCS #8).
        let key = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
        Self { id: id.into(), algorithm: Algorithm::RS256, key }
    }

    pub(crate) fn ec(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let key = EncodingKey::from_ec_der(pkcs8.unwrap().as_ref());
        Self { id: id.into(), algorithm: Algorithm::ES256, key }
    }

    pub(crate) fn ed(id: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let key = EncodingKey::from_ed_der(pkcs8.as_ref());
        Self { id: id.into(), algorithm: Algorithm::EdDSA, key }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.algorithm, Some(&self.id), claims)
    }

    pub(crate) fn sign_as(&self, algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    /// Signs a head and a body as they are.
    pub(crate) fn sign_message(&self, message: &str) -> String {
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm);
        format!("{message}.{}", signature.unwrap())
    }

    fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        jwk
    }

    /// What everybody knows of an RSA key, in the forms in which it could be taken for a secret.
    pub(crate) fn public_bytes(&self) -> Vec<Vec<u8>> {
        let AlgorithmParameters::RSA(key) = self.jwk().algorithm else { panic!("no RSA key") };
        let modulus = URL_SAFE_NO_PAD.decode(&key.n).unwrap();
        vec![key.n.into_bytes(), modulus, serde_json::to_vec(&self.jwk()).unwrap()]
    }
}

/// The public keys of some signers.
pub(crate) fn set(signers: &[Signer]) -> Value {
    json!({ "keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>() })
}

/// A server that publishes keys until it is dropped.
pub(crate) struct Issuer {
    address: SocketAddr,
    published: Arc<Published>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Published {
    text: Mutex<String>,
    description: Mutex<String>,
    asked: AtomicUsize,
}

impl Issuer {
    pub(crate) fn start(signers: &[Signer]) -> Self {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let published = Arc::new(Published::default());
        let router = Router::new()
            .route("/keys", get(answer))
            .route("/.well-known/openid-configuration", get(describe))
            .with_state(published.clone());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async { axum::serve(listener, router).await });
        let issuer = Self { address, published, _runtime: runtime };
        issuer.publish(signers);
        issuer
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/keys", self.name())
    }

    /// Its name, where it describes itself.
    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Describes itself so from now on.
    pub(crate) fn describe(&self, issuer: &str, keys: &str) {
        *self.published.description.lock().unwrap() =
            json!({"issuer": issuer, "jwks_uri": keys, "authorization_endpoint": "x"}).to_string();
    }

    pub(crate) fn publish(&self, signers: &[Signer]) {
        self.answer(&set(signers).to_string());
    }

    /// Answers something else from now on.
    pub(crate) fn answer(&self, text: &str) {
        *self.published.text.lock().unwrap() = text.to_owned();
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.published.asked.load(Ordering::SeqCst)
    }
}

async fn answer(State(published): State<Arc<Published>>) -> String {
    published.asked.fetch_add(1, Ordering::SeqCst);
    published.text.lock().unwrap().clone()
}

async fn describe(State(published): State<Arc<Published>>) -> String {
    published.description.lock().unwrap().clone()
}
