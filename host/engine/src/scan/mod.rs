//! Looks at untrusted bytes before anything is compiled: size, validity, shape, imports, exports.
//!
//! Compilers have no limits of their own (a kilobyte of nested instances compiles for minutes), so
//! what is known to explode is refused here, in milliseconds and linear time. What passes is still
//! compiled under limits in a process of its own, see `compiler`.

mod function;
mod interface;
mod weight;

use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};
use writ_core::LoadLimits;

use crate::config::{
    CORE_INSTANCES_MAX, MEMORIES_MAX, MODULE_MEMORIES_MAX, MODULE_TABLES_MAX, TABLE_ELEMENTS_MAX,
    TABLES_MAX,
};
use crate::link::Kind;
use crate::load_error::{Counted, LoadError};
use function::Functions;
use interface::Interface;
use weight::{Nesting, Weight};

/// After how many findings the scan stops.
const PROBLEMS_MAX: usize = 32;

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scan {
    /// What the component is, as far as can be told.
    pub(crate) kind: Kind,
    /// Names of the imported interfaces, with their versions.
    pub(crate) imports: Vec<String>,
    /// Names of the exports, with their versions.
    pub(crate) exports: Vec<String>,
    /// Core instances, nested components multiplied out.
    pub(crate) core_instances: u64,
    /// Functions of all core modules.
    pub(crate) functions: u64,
    /// Why the component is refused; empty where it is not.
    pub(crate) problems: Vec<LoadError>,
}

/// The features of Wasm that [`config::code`](crate::config::code) leaves on.
pub(crate) fn features() -> WasmFeatures {
    let off = WasmFeatures::GC_TYPES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::THREADS
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::MEMORY64
        | WasmFeatures::RELAXED_SIMD;
    (WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL).difference(off)
}

/// Scans a component. Never fails: what is wrong is among its findings.
pub(crate) fn scan(component: &[u8], limits: &LoadLimits) -> Scan {
    if component.len() > limits.component_bytes_max {
        return Scan::refused(LoadError::ComponentTooLarge {
            bytes: component.len() as u64,
            max: limits.component_bytes_max as u64,
        });
    }
    if let Err(problem) = preamble(component) {
        return Scan::refused(problem);
    }
    let mut walk = Walk {
        limits,
        nesting: Nesting::default(),
        functions: Functions::new(limits),
        interface: Interface::default(),
        problems: Vec::new(),
    };
    if let Err(error) = walk.whole(component) {
        walk.problems.push(invalid(&error));
    }
    walk.finish()
}

impl Scan {
    /// Nothing was looked at, for this reason.
    fn refused(problem: LoadError) -> Self {
        Self {
            kind: Kind::Policy,
            imports: Vec::new(),
            exports: Vec::new(),
            core_instances: 0,
            functions: 0,
            problems: vec![problem],
        }
    }
}

/// Tells components from what people hand in by mistake.
fn preamble(bytes: &[u8]) -> Result<(), LoadError> {
    let refused = |reason: &str, hint: &str| {
        Err(LoadError::ComponentInvalid { reason: reason.to_owned(), hint: hint.to_owned() })
    };
    if wasmtime::Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return refused("it is compiled code", "give the component that it was compiled from");
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return refused(
            "it is a core module",
            "make a component of it, for example with `wasm-tools component new`",
        );
    }
    if bytes.trim_ascii_start().starts_with(b"(") {
        return refused("it is text", "make bytes of it, for example with `wasm-tools parse`");
    }
    refused("it does not start as a component does", "give the path of a `.wasm` component")
}

fn invalid(error: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::ComponentInvalid {
        reason: format!("{} (at byte {})", error.message(), error.offset()),
        hint: String::new(),
    }
}

/// The state of one walk through the bytes.
struct Walk<'a> {
    limits: &'a LoadLimits,
    nesting: Nesting,
    functions: Functions<'a>,
    interface: Interface,
    problems: Vec<LoadError>,
}

impl Walk<'_> {
    fn whole(&mut self, component: &[u8]) -> wasmparser::Result<()> {
        let mut validator = Validator::new_with_features(features());
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            // Depth first: the validator recurses into nothing, but what comes after it may.
            if let Payload::Version { encoding: Encoding::Component, .. } = payload {
                self.nesting.enter();
                if self.nesting.depth() > self.limits.component_depth_max as u64 {
                    self.problems.push(LoadError::ComponentTooDeep {
                        depth: self.nesting.depth(),
                        max: self.limits.component_depth_max as u64,
                    });
                    return Ok(());
                }
            }
            match validator.payload(&payload)? {
                ValidPayload::Func(function, body) => {
                    let module = self.nesting.module();
                    self.functions.check(module, function, &body, &mut self.problems)?;
                }
                ValidPayload::Ok | ValidPayload::Parser(_) | ValidPayload::End(_) => {}
            }
            self.payload(&payload)?;
            if self.problems.len() >= PROBLEMS_MAX {
                return Ok(());
            }
        }
        Ok(())
    }

    fn payload(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        self.nesting.payload(payload)?;
        match payload {
            Payload::ComponentImportSection(imports) if self.nesting.depth() == 1 => {
                self.interface.imports(imports.clone())
            }
            Payload::ComponentExportSection(exports) if self.nesting.depth() == 1 => {
                self.interface.exports(exports.clone())
            }
            Payload::MemorySection(memories) => self.memories(memories.clone()),
            Payload::TableSection(tables) => self.tables(tables.clone()),
            _ => Ok(()),
        }
    }

    fn memories(
        &mut self,
        memories: wasmparser::MemorySectionReader<'_>,
    ) -> wasmparser::Result<()> {
        let max = writ_core::limits::MEMORY_BYTES_CEILING as u64;
        for memory in memories {
            let memory = memory?;
            let bytes = memory.initial.saturating_mul(1 << memory.page_size_log2.unwrap_or(16));
            if bytes > max {
                self.too_much("a memory", format!("{bytes} bytes"), max);
            }
        }
        let count = self.nesting.open().memories;
        self.count(Counted::ModuleMemories, count, MODULE_MEMORIES_MAX);
        Ok(())
    }

    fn tables(&mut self, tables: wasmparser::TableSectionReader<'_>) -> wasmparser::Result<()> {
        let max = TABLE_ELEMENTS_MAX as u64;
        for table in tables {
            let elements = table?.ty.initial;
            if elements > max {
                self.too_much("a table", format!("{elements} elements"), max);
            }
        }
        let count = self.nesting.open().tables;
        self.count(Counted::ModuleTables, count, MODULE_TABLES_MAX);
        Ok(())
    }

    fn too_much(&mut self, what: &str, size: String, max: u64) {
        let (what, module) = (what.to_owned(), self.nesting.module());
        self.problems.push(LoadError::TooMuchFromTheStart { what, module, size, max });
    }

    fn finish(mut self) -> Scan {
        self.problems.extend(self.interface.refused());
        if let Some(weight) = self.nesting.whole() {
            self.counts(weight);
            self.interface.shape(&mut self.problems);
        }
        Scan {
            kind: self.interface.kind(),
            imports: self.interface.imports,
            exports: self.interface.exports,
            core_instances: self.nesting.whole().unwrap_or_default().core_instances,
            functions: self.functions.seen(),
            problems: self.problems,
        }
    }

    fn counts(&mut self, weight: Weight) {
        let instances = self.limits.core_instances_max.min(CORE_INSTANCES_MAX);
        let counts = [
            (Counted::CoreInstances, weight.core_instances, instances),
            (Counted::ComponentInstances, weight.component_instances, instances),
            (Counted::Memories, weight.memories, MEMORIES_MAX),
            (Counted::Tables, weight.tables, TABLES_MAX),
        ];
        for (what, count, max) in counts {
            self.count(what, count, max);
        }
    }

    fn count(&mut self, what: Counted, count: u64, max: usize) {
        let max = max as u64;
        if count > max {
            self.problems.push(LoadError::TooManyInstances { what, count, max });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_are_those_that_the_engine_compiles() {
        let config = format!("{:?}", crate::config::code());
        for (name, flag) in WasmFeatures::all().iter_names() {
            let name = name.to_lowercase();
            let on = config.contains(&format!("wasm_{name}: true"));
            assert_eq!(features().contains(flag), on, "{name}");
        }
    }
}
