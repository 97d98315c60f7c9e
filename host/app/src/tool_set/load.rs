//! From checked tools to tools that are ready to be called.

use std::sync::Arc;

use futures_util::future;
use writ_core::ports::Namespace;
use writ_core::{BindingName, BoundTool, Tenant, ToolKind};
use writ_engine::{Engine, Grants, Tool};

use super::directory::Directory;
use super::parsed::{ToolConfig, ToolSetConfig};
use super::signature::Signature;
use super::toolbox::LoadedTool;
use crate::config::ConfigError;
use crate::config::document::at;

/// Loads every tool. They load side by side, as far as the engine lets them.
///
/// # Errors
/// The first tool, in the file's order, that does not load, with the line that is to be mended.
pub async fn load(
    engine: &Engine,
    config: &ToolSetConfig,
    component_bytes_max: usize,
) -> Result<Vec<LoadedTool>, ConfigError> {
    let one = |tool| Loading { engine, config, tool }.loaded(component_bytes_max);
    let loaded = future::join_all(config.tools.iter().map(one)).await;
    loaded.into_iter().collect()
}

struct Loading<'a> {
    engine: &'a Engine,
    config: &'a ToolSetConfig,
    tool: &'a ToolConfig,
}

impl Loading<'_> {
    async fn loaded(self, component_bytes_max: usize) -> Result<LoadedTool, ConfigError> {
        let ToolConfig { name, source, limits, .. } = self.tool;
        let component = source.read(&self.config.root, component_bytes_max as u64);
        let component = component.map_err(|error| self.error("source", error))?.bytes;
        let pinned = source.check_pin(self.tool.digest, &component);
        pinned.map_err(|error| self.error("digest", error))?;
        let directory = self.directory()?;
        let grants = Grants {
            storage: self.tool.storage,
            tools: !self.tool.tools.is_empty(),
            directory: directory.is_some(),
        };
        let tool = self.engine.load_tool(&component, grants, limits).await;
        let tool = tool.map_err(|error| {
            self.error("source", format!("tool `{source}` does not load: {error}"))
        })?;
        let signature = signature(name, &tool).map_err(|error| {
            let message = format!("tool `{source}` does not load: {error}");
            self.error("source", message).with_hint("tell whoever wrote the tool")
        })?;
        let namespace = Namespace { tenant: Tenant::default(), binding: name.clone() };
        let (namespace, granted) = (Arc::new(namespace), self.tool.tools.clone());
        let directory = directory.map(Arc::new);
        Ok(LoadedTool { signature, tool, namespace, granted, directory })
    }

    /// Opens the directory that is granted, before anything asks for it.
    fn directory(&self) -> Result<Option<Directory>, ConfigError> {
        let Some((path, access)) = &self.tool.directory else { return Ok(None) };
        let opened = Directory::open(&self.config.root, path, *access);
        opened.map(Some).map_err(|error| {
            let place = at!["tools", self.tool.index, "directory", "path"];
            self.config.document.error(&place, &error).with_hint(error.hint())
        })
    }

    fn error(&self, key: &'static str, message: impl std::fmt::Display) -> ConfigError {
        self.config.document.error(&at!["tools", self.tool.index, key], message)
    }
}

fn signature(name: &BindingName, tool: &Tool) -> Result<Signature, String> {
    let (digest, kind) = (tool.component_digest(), ToolKind::Component);
    let bound = BoundTool { name: name.clone(), digest, kind };
    let described = tool.description();
    Signature::new(bound, described.summary.clone(), described.input_schema.clone())
}
