//! What compiled code is found by: component, settings, and everything that decided how it was
//! compiled. Another version of wasmtime, another processor or other limits are another key.

use std::hash::{Hash, Hasher};

use writ_core::{Digest, Json, LoadLimits};

use crate::prepare::WIZER_VERSION;

/// Raised whenever what is kept, or how it is made, changes in a way that nothing else tells.
const FORMAT: &str = "writ-code/2";

/// What was made of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// What `describe` says.
    Report,
    /// Code that took the settings.
    Code,
    /// Code of a tool.
    Tool,
    /// What is made of it whatever its settings are.
    Groundwork,
}

/// How the names of files end that are kept by a key.
pub(crate) const SUFFIXES: [&str; 2] = [CODE, GROUNDWORK];
const CODE: &str = ".code";
const GROUNDWORK: &str = ".ground";

/// Everything but component and settings that decides about code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fingerprint(Digest);

/// A place in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    digest: Digest,
    kind: Kind,
}

impl Fingerprint {
    pub(crate) fn of(engine: &wasmtime::Engine, limits: &LoadLimits) -> Self {
        let mut compatibility = Bytes(Vec::new());
        engine.precompile_compatibility_hash().hash(&mut compatibility);
        let limits = serde_json::to_vec(limits).expect("limits are plain numbers");
        let version = env!("CARGO_PKG_VERSION");
        Self(Digest::of_parts([
            FORMAT.as_bytes(),
            version.as_bytes(),
            WIZER_VERSION.as_bytes(),
            &compatibility.0,
            &limits,
        ]))
    }
}

impl Key {
    pub(crate) fn report(fingerprint: Fingerprint, component: &Digest) -> Self {
        Self::of(Kind::Report, fingerprint, component, b"")
    }

    pub(crate) fn code(fingerprint: Fingerprint, component: &Digest, settings: &Json) -> Self {
        Self::of(Kind::Code, fingerprint, component, settings.as_str().as_bytes())
    }

    pub(crate) fn tool(fingerprint: Fingerprint, component: &Digest) -> Self {
        Self::of(Kind::Tool, fingerprint, component, b"")
    }

    pub(crate) fn groundwork(fingerprint: Fingerprint, component: &Digest) -> Self {
        Self::of(Kind::Groundwork, fingerprint, component, b"")
    }

    fn of(kind: Kind, fingerprint: Fingerprint, component: &Digest, settings: &[u8]) -> Self {
        let name: &[u8] = match kind {
            Kind::Report => b"report",
            Kind::Code => b"code",
            Kind::Tool => b"tool",
            Kind::Groundwork => b"groundwork",
        };
        let parts = [name, fingerprint.0.as_bytes(), component.as_bytes(), settings];
        Self { digest: Digest::of_parts(parts), kind }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.digest.as_bytes()
    }

    /// The name of its file: 64 hexadecimal digits and what kind of file it is.
    pub(crate) fn name(&self) -> String {
        let suffix = match self.kind {
            Kind::Report | Kind::Code | Kind::Tool => CODE,
            Kind::Groundwork => GROUNDWORK,
        };
        self.digest.hex() + suffix
    }
}

/// Takes down what would be hashed: the hash of the standard library has 64 bits, and is another
/// one in another version of it.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(component: &str, settings: &str, limits: &LoadLimits) -> Key {
        let engine = wasmtime::Engine::new(&crate::config::code()).unwrap();
        let settings = Json::parse(settings).unwrap();
        Key::code(Fingerprint::of(&engine, limits), &Digest::of(component), &settings)
    }

    #[test]
    fn each_part_makes_another_key() {
        let limits = LoadLimits::default();
        let plain = key("a", "{}", &limits);
        assert_eq!(plain, key("a", "{ }", &limits));
        let other = LoadLimits { configure_fuel: 1_000, ..LoadLimits::default() };
        for different in [key("b", "{}", &limits), key("a", "1", &limits), key("a", "{}", &other)] {
            assert_ne!(plain, different);
        }
    }

    #[test]
    fn the_version_of_the_pre_initialiser_is_the_one_that_is_built() {
        let lock = include_str!("../../../../Cargo.lock");
        let line = format!("name = \"wasmtime-wizer\"\nversion = \"{WIZER_VERSION}\"\n");
        assert!(lock.contains(&line), "raise WIZER_VERSION in prepare.rs");
    }
}
