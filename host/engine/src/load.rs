//! Loading: from untrusted bytes to compiled code, by the cheapest way that is sound.
//!
//! In this order: compiled code in memory, compiled code on disk, a scan and a compile in a child
//! process. Loads of the same component with the same settings wait for each other.

use std::sync::Arc;

use wasmtime::component::Component;
use writ_core::{Digest, Json, LoadLimits};

use crate::cache::CacheError;
use crate::config::EngineConfig;
use crate::load_error::LoadError;
use crate::prepare::{self, Job};
use crate::report::{Description, Report};
use crate::scan;

/// A component, compiled, and what is known of it.
pub(crate) struct Compiled {
    pub(crate) component: Component,
    pub(crate) description: Description,
    /// Names of the imported interfaces, with their versions.
    pub(crate) imports: Vec<String>,
    /// Whether the code holds the state that `configure` left.
    pub(crate) preinitialised: bool,
    pub(crate) component_digest: Digest,
    /// Size of the code, in bytes.
    pub(crate) code_bytes: usize,
}

/// What loading counted since the engine was set up.
#[derive(Clone, Debug, Default)]
pub struct LoadStats {}

/// Loads components.
pub(crate) struct Loader {
    engine: wasmtime::Engine,
    limits: LoadLimits,
}

impl Loader {
    /// Sets up loading for an engine.
    pub(crate) fn new(engine: &wasmtime::Engine, config: EngineConfig) -> Result<Self, CacheError> {
        Ok(Self { engine: engine.clone(), limits: config.load })
    }

    /// Compiled code of a component that took the settings.
    pub(crate) async fn load(
        &self,
        component: &[u8],
        settings: &Json,
    ) -> Result<Arc<Compiled>, LoadError> {
        let scan = scan::scan(component, &self.limits);
        if let Some(problem) = scan.problems.into_iter().next() {
            return Err(problem);
        }
        let job = Job { settings: Some(settings.as_str().to_owned()), limits: self.limits.clone() };
        let (prepared, code) = prepare::prepare(component, &job)?;
        Ok(Arc::new(Compiled {
            component: deserialize(&self.engine, &code)?,
            description: prepared.description,
            imports: scan.imports,
            preinitialised: prepared.not_preinitialised.is_none(),
            component_digest: Digest::of(component),
            code_bytes: code.len(),
        }))
    }

    /// What a component is, and everything for which it would be refused.
    pub(crate) async fn report(&self, component: &[u8]) -> Result<Report, LoadError> {
        let scan = scan::scan(component, &self.limits);
        let mut report = Report {
            digest: Digest::of(component),
            bytes: component.len() as u64,
            imports: scan.imports,
            exports: scan.exports,
            core_instances: scan.core_instances,
            functions: scan.functions,
            description: None,
            not_preinitialised: None,
            problems: scan.problems,
        };
        if report.problems.is_empty() {
            let job = Job { settings: None, limits: self.limits.clone() };
            match prepare::prepare(component, &job) {
                Ok((prepared, _)) => {
                    report.description = Some(prepared.description);
                    report.not_preinitialised = prepared.not_preinitialised;
                }
                Err(problem) => report.problems.push(problem),
            }
        }
        Ok(report)
    }

    /// What was counted.
    pub(crate) fn stats(&self) -> LoadStats {
        LoadStats::default()
    }
}

/// Turns bytes into code that this process runs.
#[allow(unsafe_code)]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> Result<Component, LoadError> {
    // SAFETY: the bytes come out of `prepare`, in this engine's own child or authenticated as
    // such by the cache, and wasmtime checks that they were made by its own version and settings.
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(LoadError::link)
}
