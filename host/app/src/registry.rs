//! Components out of OCI registries: pulled by a pinned reference, from registries that the operator
//! names, and through a gate that leads nowhere else.
//!
//! The protocol is `oci-client`'s. Its client follows redirects and asks for tokens wherever a registry
//! says, and reads answers of any size; that is what the [`gate`] is for. Two digests are checked here,
//! whoever has checked them before: the manifest's, which is pinned, and the layer's, which the manifest
//! names. What a pull gives is bytes and no more: they become a policy by the same road as
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
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use oci_client::secrets::RegistryAuth;
use reqwest::Url;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;
use writ_core::Digest;

use crate::auth::Secret;
use crate::outbound::Reachable;
use artifact::Layer;
pub use error::PullError;
use gate::{Door, Gate, Stopped};
pub use reference::{InvalidReference, PinnedReference};

/// How large a manifest may be, in bytes: it names a config, a layer, and maybe some annotations.
pub const MANIFEST_BYTES_MAX: usize = 256 << 10;
/// What a registry may send besides, in bytes: handshakes, headers, a token, redirects.
const OVERHEAD_BYTES: u64 = 256 << 10;
/// How many pulls from one registry there may be at once: each holds a component in memory.
const PULLS_MAX: usize = 4;

/// What is asked for: a manifest, and what else a digest may name, so that it can be told what it is.
const ACCEPTED: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

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
    /// Each has turns of its own: one that does not answer takes them from no other.
    registries: Vec<(RegistryConfig, Semaphore)>,
}

impl Registries {
    /// Those that the operator names.
    pub fn new(registries: Vec<RegistryConfig>) -> Self {
        let with_turns = |registry| (registry, Semaphore::new(PULLS_MAX));
        Self { registries: registries.into_iter().map(with_turns).collect() }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &RegistryConfig> {
        self.registries.iter().map(|(registry, _)| registry)
    }

    /// The registry that a reference names.
    ///
    /// # Errors
    /// [`PullError::Unnamed`]
    pub fn named(&self, reference: &PinnedReference) -> Result<&RegistryConfig, PullError> {
        self.found(reference).map(|(registry, _)| registry)
    }

    fn found(
        &self,
        reference: &PinnedReference,
    ) -> Result<&(RegistryConfig, Semaphore), PullError> {
        let host = reference.registry();
        let found = self.registries.iter().find(|(registry, _)| registry.host == host);
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
        let (registry, turns) = self.found(reference)?;
        // How long others take is no fault of the registry's.
        let _turn = turns.acquire().await;
        let pull = registry.pull(reference, bytes_max);
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
            // Whoever did that: where our client has, its answer does not come.
            Some(Stopped::Nameless) if !matches!(error, PullError::Broken { .. }) => error,
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
        let by_digest = reference.unjudged();
        let pulled = client.pull_manifest_raw(&by_digest, &self.auth(), &ACCEPTED).await;
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
        let is_named = bytes.len() as u64 == layer.bytes && Digest::of(&bytes) == layer.digest;
        if is_named { Ok(bytes) } else { Err(other()) }
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
        // A page to log in is nobody's attack.
        if serde_json::from_slice::<IgnoredAny>(manifest).is_err() {
            return Err(PullError::NoRegistry { registry: reference.registry() });
        }
        return Err(PullError::OtherManifest { pinned: reference.digest() });
    }
    artifact::layer(manifest).map_err(PullError::NoComponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_from_another_manifest() {
        let pinned = format!("oci:registry.example/a@{}", Digest::of("pinned"));
        let reference = pinned.parse().unwrap();
        let refused = |answer: &'static [u8]| layer(&Bytes::from_static(answer), &reference);
        let page = refused(b"<html>Log in</html>").unwrap_err();
        assert!(matches!(page, PullError::NoRegistry { .. }), "{page:?}");
        let other = refused(b"{\"schemaVersion\": 2}").unwrap_err();
        assert!(matches!(other, PullError::OtherManifest { .. }), "{other:?}");
    }
}
