//! Why nothing was pulled: who is at fault, and what to do.

use std::time::Duration;

use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use writ_core::Digest;
use writ_core::text::visible;

use super::{MANIFEST_BYTES_MAX, PinnedReference};
use crate::outbound::told;

/// How much of what a registry says is repeated, in characters.
const TOLD_MAX: usize = 300;

/// A component was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Its registry is not configured.
    #[error(
        "this host may not call the registry `{registry}`\nhint: add `[[registry]]` with `host = \"{registry}\"` to the server's configuration, and start it again"
    )]
    Unnamed {
        /// The registry.
        registry: String,
    },
    /// The registry sends elsewhere: for a token, or for the layer.
    #[error(
        "the registry `{registry}` leads to `{place}`, which this host may not call\nhint: if that is as it should be, add `{place}` to `also` of its `[[registry]]`"
    )]
    Elsewhere {
        /// The registry.
        registry: String,
        /// The host and the port that it leads to.
        place: String,
    },
    /// The registry, called without TLS, sends to where it is called through it.
    #[error(
        "the registry `{registry}` leads to `{place}` with TLS, and its `[[registry]]` is `insecure`, without TLS throughout\nhint: take `insecure` out, if the registry itself has TLS; otherwise have it lead to no place with TLS"
    )]
    WithTls {
        /// The registry.
        registry: String,
        /// The host and the port that it leads to.
        place: String,
    },
    /// The registry, called through TLS, sends to where it is called without.
    #[error(
        "the registry `{registry}` leads to `{place}` without TLS, where whoever is between could read and change what is sent\nhint: have it lead to `https`; only a registry on this machine may be called without TLS, with `insecure` in its `[[registry]]`"
    )]
    WithoutTls {
        /// The registry.
        registry: String,
        /// The host and the port that it leads to.
        place: String,
    },
    /// The registry redirects to a place without TLS that its section does not name.
    #[error(
        "the registry `{registry}` leads to a place without TLS that this host may not call\nhint: its answers tell which (`Location`): have it lead to `https`, or add the place to `also` of its `[[registry]]`, where that is `insecure`"
    )]
    Astray {
        /// The registry.
        registry: String,
    },
    /// What it answers is nothing that registries answer.
    #[error(
        "what `{registry}` answers is no manifest and no JSON, as if it were no registry\nhint: see whether `host` of its `[[registry]]` is a registry, and whether something else answers in its place, such as a page to log in"
    )]
    NoRegistry {
        /// The registry.
        registry: String,
    },
    /// Its name leads to what only this host can reach.
    #[error(
        "`{place}`, to which the registry `{registry}` leads, is not an address of the internet\nhint: list its network in `allowed-addresses` of its `[[registry]]`, if this host may call it"
    )]
    Address {
        /// The registry.
        registry: String,
        /// The host and the port.
        place: String,
    },
    /// Nobody answers.
    #[error("the registry `{registry}` cannot be reached: {why}\nhint: see whether it runs")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error(
        "the registry `{registry}` has not given it within {} ms\nhint: try again, or raise `timeout-ms` of its `[[registry]]`", .after.as_millis()
    )]
    Late {
        /// The registry.
        registry: String,
        /// How long was waited.
        after: Duration,
    },
    /// The registry does not let this host read it.
    #[error(
        "the registry `{registry}` does not let this host read `{name}`\nhint: see `username` and `password-file` or `password-env` of its `[[registry]]`, and whether it may pull"
    )]
    NotAllowed {
        /// The registry.
        registry: String,
        /// What was to be read.
        name: String,
    },
    /// The registry does not have it.
    #[error(
        "the registry has no `{0}`, or not all of it\nhint: push the artifact there first, or mend the reference"
    )]
    Missing(String),
    /// The registry sends more than a manifest may have.
    #[error(
        "the registry `{registry}` sends more than it should: a manifest may have {MANIFEST_BYTES_MAX} bytes, and a layer what the manifest says\nhint: see whether it is a registry, and what was pushed"
    )]
    TooMuch {
        /// The registry.
        registry: String,
    },
    /// The manifest is not the one that is pinned.
    #[error(
        "the registry gives another manifest than the pinned one, whose digest is `{pinned}`\nhint: do not use what this registry holds before you know who has changed it"
    )]
    OtherManifest {
        /// What is pinned.
        pinned: Digest,
    },
    /// The layer is not the one that the manifest names.
    #[error(
        "the registry gives another layer than its manifest names, whose digest is `{layer}`\nhint: do not use what this registry holds before you know who has changed it"
    )]
    OtherLayer {
        /// What the manifest names.
        layer: Digest,
    },
    /// The artifact is something else.
    #[error(
        "the artifact is no Wasm component: {0}\nhint: push it with `wkg oci push`, or with `oras push HOST/NAME FILE:application/wasm`"
    )]
    NoComponent(String),
    /// The component is larger than components may be.
    #[error(
        "the component has {bytes} bytes, at most {bytes_max} are taken\nhint: build it for size and strip it, or raise `component-bytes-max` in `[engine.load]`"
    )]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: usize,
    },
    /// The registry does not do as registries do.
    #[error("the registry `{registry}` does not give it: {why}\nhint: see the registry's own log")]
    Broken {
        /// The registry.
        registry: String,
        /// What it does.
        why: String,
    },
}

impl PullError {
    /// What an error of the protocol means.
    pub(super) fn of(error: OciDistributionError, reference: &PinnedReference) -> Self {
        let registry = reference.registry();
        let not_allowed = || Self::NotAllowed {
            registry: registry.clone(),
            name: reference.repository().to_owned(),
        };
        let missing = || Self::Missing(reference.to_string());
        let broken = |why: &str| {
            let why = visible(why).chars().take(TOLD_MAX).collect();
            Self::Broken { registry: registry.clone(), why }
        };
        match error {
            OciDistributionError::DigestError(DigestError::VerificationError { .. }) => {
                Self::OtherManifest { pinned: reference.digest() }
            }
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => not_allowed(),
            OciDistributionError::RegistryError { envelope, .. } => {
                let has = |codes: &[OciErrorCode]| {
                    envelope.errors.iter().any(|error| codes.contains(&error.code))
                };
                if has(&[OciErrorCode::Denied, OciErrorCode::Unauthorized]) {
                    not_allowed()
                } else if has(&MISSING) {
                    missing()
                } else {
                    broken(&envelope.to_string())
                }
            }
            OciDistributionError::ServerError { code: 403, .. } => not_allowed(),
            OciDistributionError::ServerError { code: 404, .. } => missing(),
            OciDistributionError::ServerError { code, .. } => broken(&format!("it answers {code}")),
            OciDistributionError::RequestError(error) => broken(&told(error)),
            error => broken(&error.to_string()),
        }
    }
}

/// How registries say that something is not there.
const MISSING: [OciErrorCode; 5] = [
    OciErrorCode::ManifestUnknown,
    OciErrorCode::ManifestBlobUnknown,
    OciErrorCode::BlobUnknown,
    OciErrorCode::NameUnknown,
    OciErrorCode::NotFound,
];

/// Whether a stream has ended as another than it should be.
pub(super) fn is_other_digest(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<DigestError>());
    matches!(inner, Some(DigestError::VerificationError { .. }))
}
