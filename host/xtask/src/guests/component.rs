//! From a core module to a component.
//!
//! Rust guests carry the contract's type in a custom section that the bindings put there; what C
//! makes does not, and gets it here.

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::bindings;
use crate::repo::Repo;

/// What the names of sections with a component's type start with.
const TYPE_SECTION: &[u8] = b"component-type";

/// Wraps a core module as a component of the contract's world, and validates it.
pub(crate) fn encode(repo: &Repo, mut module: Vec<u8>) -> Result<Vec<u8>> {
    if !carries_type(&module) {
        let (resolve, world) = bindings::contract(repo)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    }
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .context("the module does not fit the contract")
}

/// The name of a custom section is stored as plain bytes, so finding it needs no parser; a module
/// that merely contains the text would fail to encode, not pass wrongly.
fn carries_type(module: &[u8]) -> bool {
    module.windows(TYPE_SECTION.len()).any(|bytes| bytes == TYPE_SECTION)
}
