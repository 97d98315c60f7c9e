//! Components out of OCI registries: pulled by a pinned reference, from registries that the operator
//! names, and through a gate that leads nowhere else.
//!
//! The protocol is `oci-client`'s. Its client follows redirects and asks for tokens wherever a registry
//! says, and reads answers of any size; that is what the [`gate`] is for. Two digests are checked here
//! once more, whoever has checked them before: the manifest's, which is pinned, and the layer's, which
//! the manifest names. What a pull gives is bytes and no more: they become a policy by the same road as
//! any others.

mod artifact;
mod error;
mod gate;
mod reference;

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol, SizedStream};
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_client::secrets::RegistryAuth;
use reqwest::Url;
use tokio::sync::Semaphore;
use writ_core::Digest;

use crate::auth::Secret;
use crate::outbound::Reachable;
use artifact::Layer;
pub use error::PullError;
use gate::{Door, Gate};
pub use reference::{InvalidReference, PinnedReference};

/// How large a manifest may be, in bytes: it names a config, a layer, and maybe some annotations.
pub const MANIFEST_BYTES_MAX: usize = 256 << 10;
/// What a registry may send besides, in bytes: handshakes, headers, a token, redirects.
const OVERHEAD_BYTES: u64 = 256 << 10;
/// How many pulls there may be at once: each holds a component in memory.
const PULLS_MAX: usize = 4;

/// A registry that this host may pull from.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Its host, and its port where that is not the scheme's own, as references name it.
    pub host: String,
    /// Where it is, and where it may lead to: further hosts that give tokens or layers.
    pub places: Vec<(Url, Reachable)>,
    /// Whether it is called without TLS. Only on this machine.
    pub is_plain: bool,
    /// Name and password; none where anybody may pull.
    pub credentials: Option<(String, Secret)>,
    /// How long a whole pull may take.
    pub timeout: Duration,
}

/// The registries that this host may pull from: without any, it pulls from nowhere.
#[derive(Debug)]
pub struct Registries {
    registries: Vec<RegistryConfig>,
    pulls: Semaphore,
}

impl Registries {
    /// Those that the operator names.
    pub fn new(registries: Vec<RegistryConfig>) -> Self {
        Self { registries, pulls: Semaphore::new(PULLS_MAX) }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &RegistryConfig> {
        self.registries.iter()
    }

    /// The registry that a reference names.
    ///
    /// # Errors
    /// [`PullError::Unnamed`]
    pub fn named(&self, reference: &PinnedReference) -> Result<&RegistryConfig, PullError> {
        let host = reference.registry();
        let found = self.registries.iter().find(|registry| registry.host == host);
        found.ok_or(PullError::Unnamed { registry: host })
    }

    /// The bytes of a component of at most so many, as its reference pins it.
    ///
    /// # Errors
    /// Each of [`PullError`].
    pub async fn pull(
        &self,
        reference: &PinnedReference,
        bytes_max: usize,
    ) -> Result<Vec<u8>, PullError> {
        let registry = self.named(reference)?;
        let pull = async {
            let _turn = self.pulls.acquire().await;
            registry.pull(reference, bytes_max).await
        };
        let late = || PullError::Late { registry: registry.host.clone(), after: registry.timeout };
        tokio::time::timeout(registry.timeout, pull).await.unwrap_or_else(|_| Err(late()))
    }
}

impl Default for Registries {
    /// None.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl RegistryConfig {
    async fn pull(
        &self,
        reference: &PinnedReference,
        bytes_max: usize,
    ) -> Result<Vec<u8>, PullError> {
        let doors = self.places.iter().map(|(url, reachable)| Door::new(url, reachable.clone()));
        let gate = Gate::open(doors.collect(), self.is_plain, self.timeout / 2).await;
        let gate = gate.map_err(|error| self.broken(error.to_string()))?;
        let pulled = tokio::select! {
            pulled = self.through(&gate, reference, bytes_max) => pulled,
            never = gate.serve() => match never {},
        };
        // What the gate has stopped is why, whatever became of it.
        pulled.map_err(|error| match gate.stopped() {
            Some(stopped) => stopped.of(&self.host),
            None => error,
        })
    }

    async fn through(
        &self,
        gate: &Gate,
        reference: &PinnedReference,
        bytes_max: usize,
    ) -> Result<Vec<u8>, PullError> {
        let failed = |error| PullError::of(error, reference);
        let client = self.client(gate).map_err(failed)?;
        gate.admit(MANIFEST_BYTES_MAX as u64 + OVERHEAD_BYTES);
        let accepted = [OCI_IMAGE_MEDIA_TYPE];
        let pulled = client.pull_manifest_raw(reference.oci(), &self.auth(), &accepted).await;
        let layer = layer(&pulled.map_err(failed)?.0, reference)?;
        if layer.bytes > bytes_max as u64 {
            return Err(PullError::TooLarge { bytes: layer.bytes, bytes_max });
        }
        gate.admit(layer.bytes + layer.bytes / 64 + OVERHEAD_BYTES);
        let digest = layer.digest.to_string();
        let stream = client.pull_blob_stream(reference.oci(), digest.as_str()).await;
        self.whole(stream.map_err(failed)?, &layer).await
    }

    /// The layer's bytes, which must be those that the manifest names.
    async fn whole(&self, mut stream: SizedStream, layer: &Layer) -> Result<Vec<u8>, PullError> {
        let other = || PullError::OtherLayer { layer: layer.digest };
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| match error::is_other_digest(&error) {
                true => other(),
                false => self.broken(error.to_string()),
            })?;
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > layer.bytes {
                return Err(other());
            }
        }
        if Digest::of(&bytes) == layer.digest { Ok(bytes) } else { Err(other()) }
    }

    fn client(&self, gate: &Gate) -> oci_client::errors::Result<Client> {
        let protocol = if self.is_plain { ClientProtocol::Http } else { ClientProtocol::Https };
        let url = gate.url();
        Client::try_from(ClientConfig {
            protocol,
            platform_resolver: None,
            https_proxy: Some(url.to_owned()),
            http_proxy: Some(url.to_owned()),
            user_agent: concat!("writ/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
    }

    fn auth(&self) -> RegistryAuth {
        match &self.credentials {
            Some((name, password)) => {
                RegistryAuth::Basic(name.clone(), password.expose().to_owned())
            }
            None => RegistryAuth::Anonymous,
        }
    }

    fn broken(&self, why: String) -> PullError {
        PullError::Broken { registry: self.host.clone(), why }
    }
}

/// The layer that a manifest names, which must be the one that is pinned.
fn layer(manifest: &Bytes, reference: &PinnedReference) -> Result<Layer, PullError> {
    if manifest.len() > MANIFEST_BYTES_MAX {
        return Err(PullError::TooMuch { registry: reference.registry() });
    }
    if Digest::of(manifest) != reference.digest() {
        return Err(PullError::OtherManifest { pinned: reference.digest() });
    }
    artifact::layer(manifest).map_err(PullError::NoComponent)
}
