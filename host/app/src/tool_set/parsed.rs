//! The tools of a configuration as they are meant: names, grants and limits checked, nothing loaded.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use writ_core::{BindingName, Digest, ToolLimits};

use super::directory::Access;
use super::raw::RawTool;
use crate::config::ConfigError;
use crate::config::document::{Document, Step, at};
use crate::config::root::Root;
use crate::endpoints::EndpointConfig;
use crate::policy_set::{PolicySetConfig, Source};

/// The tools of a configuration, in the file's order.
#[derive(Clone, Debug)]
pub struct ToolSetConfig {
    /// The tools.
    pub tools: Vec<ToolConfig>,
    pub(super) document: Arc<Document>,
    pub(super) root: Arc<Root>,
}

/// One tool, checked.
#[derive(Clone, Debug)]
pub struct ToolConfig {
    /// What it is called by; also the name of its storage.
    pub name: BindingName,
    /// Where the component comes from.
    pub source: Source,
    /// The digest that the component must have, where the operator pinned it.
    pub digest: Option<Digest>,
    /// Whether it may store.
    pub storage: bool,
    /// The tools that it may call.
    pub tools: BTreeSet<BindingName>,
    /// The directory whose files it may ask for, by its path in the configuration's, and what it may
    /// do there.
    pub directory: Option<(String, Access)>,
    /// What each call runs under.
    pub limits: ToolLimits,
    /// Its position in the file, for errors.
    pub(super) index: usize,
}

/// Checks the tools of a file. `policies` and `endpoints` are those of the same file; tools may call
/// endpoints.
///
/// # Errors
/// What is wrong first, in the file's order.
pub(crate) fn parse(
    raw: Vec<RawTool>,
    policies: &PolicySetConfig,
    endpoints: &[EndpointConfig],
    document: Arc<Document>,
    root: Arc<Root>,
) -> Result<ToolSetConfig, ConfigError> {
    let file = File { document: &document };
    let endpoints = endpoints.iter().map(|endpoint| endpoint.name.to_string());
    let names = raw.iter().map(|tool| tool.name.clone()).chain(endpoints).collect();
    let mut tools = Vec::<ToolConfig>::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let tool = file.tool(index, raw, &names)?;
        let is_taken = |name: &BindingName| *name == tool.name;
        if tools.iter().any(|other| is_taken(&other.name)) {
            return Err(file.taken(&tool, "tool"));
        }
        if policies.bindings.iter().any(|binding| is_taken(&binding.binding.name)) {
            return Err(file.taken(&tool, "binding"));
        }
        tools.push(tool);
    }
    Ok(ToolSetConfig { tools, document, root })
}

struct File<'a> {
    document: &'a Document,
}

impl File<'_> {
    fn tool(
        &self,
        index: usize,
        raw: RawTool,
        names: &BTreeSet<String>,
    ) -> Result<ToolConfig, ConfigError> {
        let at = |key: &'static str| at!["tools", index, key];
        let name: BindingName = self.checked(raw.name.parse(), at("name"))?;
        let source = self.checked(raw.source.parse(), at("source"))?;
        let digest = raw.digest.as_deref().map(str::parse).transpose();
        let digest = self.checked(digest, at("digest"))?;
        let mut granted = BTreeSet::new();
        for (place, tool) in raw.grants.tools.into_iter().enumerate() {
            let path = at!["tools", index, "grants", "tools", place];
            if !names.contains(&tool) {
                let message = format!("there is no tool `{tool}` to be granted");
                return Err(self.document.error(&path, message));
            }
            granted.insert(self.checked(tool.parse(), path)?);
        }
        let limits = raw.limits.checked().map_err(|error| {
            self.document.error(&at!["tools", index, "limits", error.name()], error)
        })?;
        let storage = raw.grants.storage;
        let directory = raw.directory.map(|directory| (directory.path, directory.access));
        let tools = granted;
        Ok(ToolConfig { name, source, digest, storage, tools, directory, limits, index })
    }

    fn checked<T, E: fmt::Display>(
        &self,
        result: Result<T, E>,
        path: Vec<Step>,
    ) -> Result<T, ConfigError> {
        result.map_err(|error| self.document.error(&path, error))
    }

    fn taken(&self, tool: &ToolConfig, what: &str) -> ConfigError {
        let message = format!("another {what} is called `{}`", tool.name);
        self.document
            .error(&at!["tools", tool.index, "name"], message)
            .with_hint("names are unique, since storage is kept under them")
    }
}
