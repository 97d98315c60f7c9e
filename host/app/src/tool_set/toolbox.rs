//! Tools and endpoints that are ready to be called, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use writ_core::ports::Namespace;
use writ_core::{BindingName, BoundTool};
use writ_engine::Tool;

use super::directory::Directory;
use super::signature::Signature;
use crate::endpoints::RegisteredEndpoint;

/// What a host carries actions out with: its tools, and the endpoints that it calls.
#[derive(Default)]
pub struct Toolbox {
    tools: BTreeMap<BindingName, Arc<LoadedTool>>,
    endpoints: BTreeMap<BindingName, Arc<RegisteredEndpoint>>,
}

/// A tool of a host.
pub struct LoadedTool {
    /// What may be asked of it.
    pub signature: Signature,
    /// The tool: compiled, with its grants and limits.
    pub tool: Arc<Tool>,
    /// Its storage.
    pub namespace: Arc<Namespace>,
    /// The tools that it may call.
    pub granted: BTreeSet<BindingName>,
    /// The directory whose files it may ask for.
    pub directory: Option<Arc<Directory>>,
}

impl Toolbox {
    /// Tools and endpoints of different names.
    pub fn new(tools: Vec<LoadedTool>, endpoints: Vec<RegisteredEndpoint>) -> Self {
        let tool = |tool: LoadedTool| (tool.signature.bound.name.clone(), Arc::new(tool));
        let endpoint = |one: RegisteredEndpoint| (one.signature.bound.name.clone(), Arc::new(one));
        Self {
            tools: tools.into_iter().map(tool).collect(),
            endpoints: endpoints.into_iter().map(endpoint).collect(),
        }
    }

    /// The tool of a name.
    pub fn tool(&self, name: &BindingName) -> Option<&Arc<LoadedTool>> {
        self.tools.get(name)
    }

    /// The endpoint of a name.
    pub fn endpoint(&self, name: &BindingName) -> Option<&Arc<RegisteredEndpoint>> {
        self.endpoints.get(name)
    }

    /// What may be asked of the tool or endpoint of a name.
    pub fn signature(&self, name: &str) -> Option<&Signature> {
        let name = name.parse::<BindingName>().ok()?;
        let tool = self.tools.get(&name).map(|tool| &tool.signature);
        tool.or_else(|| self.endpoints.get(&name).map(|endpoint| &endpoint.signature))
    }

    /// What may be asked of each, tools first, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        let endpoints = self.endpoints.values().map(|endpoint| &endpoint.signature);
        self.tools.values().map(|tool| &tool.signature).chain(endpoints)
    }

    /// The name and the digest of each.
    pub fn bound(&self) -> Vec<BoundTool> {
        self.iter().map(|signature| signature.bound.clone()).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.endpoints.is_empty()
    }
}
