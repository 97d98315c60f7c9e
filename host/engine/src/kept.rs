//! What is known of a component without looking at it again: kept with its code.

use serde::{Deserialize, Serialize};
use writ_core::Digest;

use crate::prepare::Prepared;
use crate::report::Report;
use crate::scan::Scan;

/// What is kept on disk beside the code.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) prepared: Prepared,
    pub(crate) component: Digest,
    bytes: u64,
    pub(crate) imports: Vec<String>,
    exports: Vec<String>,
    core_instances: u64,
    functions: u64,
}

impl Kept {
    pub(crate) fn new(prepared: Prepared, digest: Digest, component: &[u8], scan: Scan) -> Self {
        Self {
            prepared,
            component: digest,
            bytes: component.len() as u64,
            imports: scan.imports,
            exports: scan.exports,
            core_instances: scan.core_instances,
            functions: scan.functions,
        }
    }

    /// The report of a component that was found to be good.
    pub(crate) fn report(&self) -> Report {
        Report {
            digest: self.component,
            bytes: self.bytes,
            imports: self.imports.clone(),
            exports: self.exports.clone(),
            core_instances: self.core_instances,
            functions: self.functions,
            description: Some(self.prepared.description.clone()),
            not_preinitialised: self.prepared.not_preinitialised.clone(),
            problems: Vec::new(),
        }
    }
}

impl Report {
    /// The report of a component that is refused.
    pub(crate) fn refused(digest: Digest, component: &[u8], scan: Scan) -> Self {
        Self {
            digest,
            bytes: component.len() as u64,
            imports: scan.imports,
            exports: scan.exports,
            core_instances: scan.core_instances,
            functions: scan.functions,
            description: None,
            not_preinitialised: None,
            problems: scan.problems,
        }
    }
}
