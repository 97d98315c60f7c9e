//! A component, compiled: code that this process runs, and what is known of it.

use wasmtime::Engine;
use wasmtime::component::Component;
use writ_core::Digest;

use crate::kept::Kept;
use crate::load_error::LoadError;
use crate::report::{Described, Description, ToolDescription};

/// A component, compiled, and what is known of it.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    description: Described,
    /// Names of the imported interfaces, with their versions.
    pub(crate) imports: Vec<String>,
    /// Whether the code holds the state that `configure` left.
    pub(crate) preinitialised: bool,
    pub(crate) component_digest: Digest,
    /// Size of the code, in bytes.
    pub(crate) code_bytes: usize,
}

impl Compiled {
    /// What was kept of a component, and its code as bytes.
    ///
    /// # Errors
    /// Where the code is for another engine.
    pub(super) fn new(engine: &Engine, kept: Kept, code: &[u8]) -> Result<Self, LoadError> {
        Ok(Self {
            component: deserialize(engine, code).map_err(LoadError::link)?,
            preinitialised: kept.prepared.not_preinitialised.is_none(),
            description: kept.prepared.description,
            imports: kept.imports,
            component_digest: kept.component,
            code_bytes: code.len(),
        })
    }
}

impl Compiled {
    /// What a policy says of itself.
    pub(crate) fn policy(&self) -> Option<&Description> {
        match &self.description {
            Described::Policy(description) => Some(description),
            Described::Tool(_) => None,
        }
    }

    /// What a tool says of itself.
    pub(crate) fn tool(&self) -> Option<&ToolDescription> {
        match &self.description {
            Described::Tool(description) => Some(description),
            Described::Policy(_) => None,
        }
    }
}

/// Turns bytes into code that this process runs.
///
/// # Errors
/// Where the code is for another engine.
#[allow(unsafe_code)]
pub(crate) fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were made by this very program, in a process that it started itself, or
    // come from a file whose MAC says that they were; they are used as they were verified. Wasmtime
    // checks beyond that they were made by its own version with these settings.
    unsafe { Component::deserialize(engine, code) }
}
