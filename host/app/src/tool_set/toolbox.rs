//! Tools that are ready to be called, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use writ_core::ports::Namespace;
use writ_core::{BindingName, BoundTool, Json, Sensitive, Tenant};
use writ_engine::Tool;

/// How many flaws of some arguments are told.
const FLAWS_MAX: usize = 16;
/// How much of a flaw's text is told, in characters: it quotes the value, which may be large.
const FLAW_CHARS_MAX: usize = 300;

/// The tools of a host.
#[derive(Default)]
pub struct Toolbox {
    tools: BTreeMap<BindingName, Arc<LoadedTool>>,
}

/// A tool of a host.
pub struct LoadedTool {
    /// Its name, and the digest of its component.
    pub bound: BoundTool,
    /// The tool: compiled, with its grants and limits.
    pub tool: Arc<Tool>,
    /// Its storage.
    pub namespace: Arc<Namespace>,
    /// The tools that it may call.
    pub granted: BTreeSet<BindingName>,
    arguments: Validator,
    /// Whether the schema of its arguments marks some as sensitive.
    is_marked: bool,
}

/// What is wrong with some arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where: a JSON pointer into the arguments (RFC 6901).
    pub pointer: String,
    /// What.
    pub message: String,
}

impl Toolbox {
    /// Tools of different names.
    pub fn new(tools: Vec<LoadedTool>) -> Self {
        let named = |tool: LoadedTool| (tool.bound.name.clone(), Arc::new(tool));
        Self { tools: tools.into_iter().map(named).collect() }
    }

    /// The tool of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<LoadedTool>> {
        self.tools.get(&name.parse::<BindingName>().ok()?)
    }

    /// Every tool, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LoadedTool>> {
        self.tools.values()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}

impl LoadedTool {
    /// A tool of a name.
    ///
    /// # Errors
    /// Where its input schema is no JSON Schema.
    pub fn new(
        name: BindingName,
        tenant: &Tenant,
        tool: Arc<Tool>,
        granted: BTreeSet<BindingName>,
    ) -> Result<Self, String> {
        // The schema comes from the component and is not trusted: nothing is fetched, and patterns
        // run in linear time.
        let arguments = jsonschema::draft202012::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .build(&tool.description().input_schema)
            .map_err(|error| format!("its input schema is no JSON Schema: {error}"))?;
        let namespace = Arc::new(Namespace { tenant: tenant.clone(), binding: name.clone() });
        let bound = BoundTool { name, digest: tool.component_digest() };
        let is_marked = Sensitive::is_marked(&tool.description().input_schema);
        Ok(Self { bound, tool, namespace, granted, arguments, is_marked })
    }

    /// What must not be told of some arguments.
    pub fn sensitive(&self, arguments: &Json) -> Arc<Sensitive> {
        if !self.is_marked {
            return Arc::default();
        }
        let schema = &self.tool.description().input_schema;
        Arc::new(Sensitive::of(schema, &arguments.to_value()))
    }

    /// What is wrong with some arguments, at most 16 flaws; nothing where they satisfy the schema.
    /// What must not be told of them is masked.
    pub fn flaws(&self, arguments: &Json) -> Vec<Flaw> {
        let (value, sensitive) = (arguments.to_value(), self.sensitive(arguments));
        let flaw = |error: jsonschema::ValidationError<'_>| Flaw {
            pointer: error.instance_path().as_str().to_owned(),
            message: sensitive.mask(&error.to_string()).chars().take(FLAW_CHARS_MAX).collect(),
        };
        self.arguments.iter_errors(&value).take(FLAWS_MAX).map(flaw).collect()
    }
}
