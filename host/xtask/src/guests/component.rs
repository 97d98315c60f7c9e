//! From a core module to a component.
//!
//! Rust guests carry the contract's type in a custom section that the bindings put there; guests in
//! C and in WebAssembly text do not, and get it here.

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::bindings;
use crate::repo::Repo;

/// Which imports and exports a module is held to.
#[derive(Debug, Clone, Copy)]
pub(super) enum World {
    /// The contract.
    Contract,
    /// The contract and an import that no host offers.
    Evil,
}

/// Puts the type of a world into a module that carries none.
pub(super) fn embed(repo: &Repo, module: &mut Vec<u8>, world: World) -> Result<()> {
    let (mut resolve, mut id) = bindings::contract(repo)?;
    if let World::Evil = world {
        let (package, _) = resolve.push_path(repo.path("policies/hostile/wit"))?;
        id = resolve.select_world(&[package], Some("guest"))?;
    }
    embed_component_metadata(module, &resolve, id, StringEncoding::UTF8)
}

/// Wraps a core module that carries its type as a component, and validates it.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .context("the module does not fit the contract")
}
