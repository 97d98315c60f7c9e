//! Artifacts in a registry, pushed as anybody pushes them: with a client of the protocol.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use oci_client::client::{
    Certificate, CertificateEncoding, ClientConfig, ClientProtocol, Config, ImageLayer,
};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use writ_core::Digest;
use writ_testkit::registry::{Registry, USER};

/// The media type of components.
const WASM: &str = "application/wasm";
/// The media type of what is said of them.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The media type of what names manifests.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is pushed.
#[derive(Clone, Copy)]
pub(crate) struct Artifact<'a> {
    /// Its component.
    pub(crate) component: &'a [u8],
    /// The media type of its layer.
    pub(crate) kind: &'a str,
    /// Another layer of the same type.
    pub(crate) further: Option<&'a [u8]>,
    /// What its manifest says besides.
    pub(crate) comment: &'a str,
    /// How many bytes more than it has its manifest says that the component has.
    pub(crate) bytes_more: i64,
}

impl<'a> Artifact<'a> {
    /// A component.
    pub(crate) fn of(component: &'a [u8]) -> Self {
        Self { component, kind: WASM, further: None, comment: "", bytes_more: 0 }
    }

    /// Pushes it, and gives its pinned reference.
    pub(crate) fn push(self, registry: &Registry) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.pushed(registry))
    }

    async fn pushed(self, registry: &Registry) -> String {
        let name = format!("{}/team/limits", registry.address());
        let reference: Reference = format!("{name}:v1").parse().unwrap();
        let layers = [Some(self.component), self.further].into_iter().flatten();
        let layer = |bytes: &[u8]| ImageLayer::new(bytes.to_vec(), self.kind.to_owned(), None);
        let layers: Vec<_> = layers.map(layer).collect();
        let config = Config::new("{}", CONFIG.to_owned(), None);
        let comment = BTreeMap::from([("comment".to_owned(), self.comment.to_owned())]);
        let mut manifest = OciImageManifest::build(&layers, &config, Some(comment));
        manifest.layers.iter_mut().for_each(|layer| layer.size += self.bytes_more);
        let auth = RegistryAuth::Basic(USER.0.to_owned(), USER.1.to_owned());
        let client = client(registry);
        client.push(&reference, &layers, config, &auth, Some(manifest)).await.unwrap();
        let digest = client.fetch_manifest_digest(&reference, &auth).await.unwrap();
        format!("oci:{name}@{digest}")
    }
}

/// Pushes an index, which names manifests and no layer, and gives its pinned reference.
pub(crate) fn push_index(registry: &Registry) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = format!("{}/team/index", registry.address());
    let reference: Reference = format!("{name}:v1").parse().unwrap();
    let index = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#);
    let digest = Digest::of(&index);
    let pushing = async {
        let client = client(registry);
        client.push_manifest_raw(&reference, index, INDEX.parse().unwrap()).await.unwrap();
    };
    runtime.block_on(pushing);
    format!("oci:{name}@{digest}")
}

/// A place that has one layer, and gives it once to whoever asks for anything.
pub(crate) struct Layers {
    pub(crate) address: SocketAddr,
    asked: Receiver<String>,
}

impl Layers {
    pub(crate) fn serve(layer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", layer.len());
            stream.write_all(&[answer.into_bytes(), layer].concat()).unwrap();
            tell.send(String::from_utf8(head).unwrap()).unwrap();
        });
        Self { address, asked }
    }

    /// What was asked, once it was.
    pub(crate) fn asked(&self) -> String {
        self.asked.recv_timeout(Duration::from_secs(60)).expect("nobody has asked for the layer")
    }
}

/// The digest in a pinned reference.
pub(crate) fn pin(reference: &str) -> Digest {
    reference.split_once('@').unwrap().1.parse().unwrap()
}

fn client(registry: &Registry) -> Client {
    let authority = fs::read(registry.authority()).ok();
    let protocol = if authority.is_some() { ClientProtocol::Https } else { ClientProtocol::Http };
    let certificate = |data| Certificate { encoding: CertificateEncoding::Pem, data };
    let extra_root_certificates = authority.map(certificate).into_iter().collect();
    Client::new(ClientConfig { protocol, extra_root_certificates, ..ClientConfig::default() })
}
