//! From checked tools to tools that are ready to be called.

use futures_util::future;
use writ_core::Tenant;
use writ_engine::{Engine, Grants};

use super::directory::Directory;
use super::parsed::{ToolConfig, ToolSetConfig};
use super::toolbox::{LoadedTool, Toolbox};
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
) -> Result<Toolbox, ConfigError> {
    let one = |tool| Loading { engine, config, tool }.loaded(component_bytes_max);
    let loaded = future::join_all(config.tools.iter().map(one)).await;
    Ok(Toolbox::new(loaded.into_iter().collect::<Result<_, _>>()?))
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
        let component = component.map_err(|error| self.error("source", error))?;
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
        let granted = self.tool.tools.clone();
        let loaded = LoadedTool::new(name.clone(), &Tenant::default(), tool, granted);
        let loaded = loaded.map_err(|error| {
            let message = format!("tool `{source}` does not load: {error}");
            self.error("source", message).with_hint("tell whoever wrote the tool")
        })?;
        Ok(loaded.with_directory(directory))
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
