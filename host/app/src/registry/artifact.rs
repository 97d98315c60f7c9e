//! What a manifest says: the one layer that is a component.
//!
//! Artifacts are as the CNCF's guidance on Wasm has them: a manifest of an image whose layer is
//! `application/wasm`. The config is not read: what a component is, its bytes say.

use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest, WASM_LAYER_MEDIA_TYPE};
use serde::Deserialize;
use writ_core::{Digest, text};

/// The media types of a component: today's, and the one before it.
const COMPONENT: [&str; 2] = ["application/wasm", WASM_LAYER_MEDIA_TYPE];

/// The layer of an artifact that is a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// SHA-256 of its bytes.
    pub(super) digest: Digest,
    /// How many there are.
    pub(super) bytes: u64,
}

/// What tells a manifest from others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    schema_version: u32,
    media_type: Option<String>,
}

/// The layer that a manifest names, or why there is none.
pub(super) fn layer(manifest: &[u8]) -> Result<Layer, String> {
    let malformed = |error: serde_json::Error| format!("its manifest cannot be read: {error}");
    let kind: Kind = serde_json::from_slice(manifest).map_err(malformed)?;
    if kind.schema_version != 2 {
        return Err(format!("its manifest is of version {}, and not of 2", kind.schema_version));
    }
    if let Some(other) = kind.media_type.filter(|kind| kind != OCI_IMAGE_MEDIA_TYPE) {
        return Err(format!(
            "its manifest is `{}`, and not `{OCI_IMAGE_MEDIA_TYPE}`",
            shown(&other)
        ));
    }
    let manifest: OciImageManifest = serde_json::from_slice(manifest).map_err(malformed)?;
    let is_component = |kind: &str| COMPONENT.contains(&kind);
    let mut layers = manifest.layers.iter().filter(|layer| is_component(&layer.media_type));
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        let kinds: Vec<_> = manifest.layers.iter().map(|layer| shown(&layer.media_type)).collect();
        let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
        return Err(format!("it must have one layer of type `{}`, and has: {kinds}", COMPONENT[0]));
    };
    let digest = layer.digest.parse();
    let digest = digest.map_err(|_| "its layer is named by another digest than SHA-256")?;
    let bytes = u64::try_from(layer.size).map_err(|_| "its layer has less than no bytes")?;
    Ok(Layer { digest, bytes })
}

/// A text of the manifest's, as much of it as anybody wants to read.
fn shown(text: &str) -> String {
    text::shown(text, 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn descriptor(kind: &str, bytes: i64) -> Value {
        json!({ "mediaType": kind, "digest": Digest::of("c").to_string(), "size": bytes })
    }

    fn manifest(layers: &[Value]) -> Value {
        let config = descriptor("application/vnd.wasm.config.v0+json", 2);
        json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_MEDIA_TYPE, "config": config, "layers": layers })
    }

    fn refused(manifest: &Value, part: &str) {
        let why = layer(manifest.to_string().as_bytes()).unwrap_err();
        assert!(why.contains(part), "{part}: {why}");
    }

    #[test]
    fn the_one_layer_that_is_a_component_is_found() {
        for kind in COMPONENT {
            let layers = [descriptor("text/plain", 5), descriptor(kind, 7)];
            let found = layer(manifest(&layers).to_string().as_bytes());
            assert_eq!(found, Ok(Layer { digest: Digest::of("c"), bytes: 7 }));
        }
    }

    #[test]
    fn what_is_no_component_is_told_from_one() {
        let component = descriptor("application/wasm", 7);
        refused(&manifest(&[]), "and has: none");
        let tar = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", 7);
        refused(&manifest(&[tar]), "layer.v1.tar+gzip");
        refused(&manifest(&[component.clone(), component.clone()]), "one layer");
        refused(&manifest(&[descriptor("application/wasm", -1)]), "less than no bytes");
        let mut other = component.clone();
        other["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
        refused(&manifest(&[other]), "another digest");
        let index = "application/vnd.oci.image.index.v1+json";
        refused(&json!({ "schemaVersion": 2, "mediaType": index, "manifests": [] }), index);
        refused(&json!({ "schemaVersion": 1 }), "of version 1");
        refused(&json!([]), "cannot be read");
        let mut hidden = manifest(&[component]);
        hidden["mediaType"] = json!("a\u{202e}b");
        refused(&hidden, "\\u{202e}");
    }
}
