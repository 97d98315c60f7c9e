//! What a component takes and gives: imports that are not offered are refused by name.

use wasmparser::{
    ComponentExportSectionReader, ComponentExternalKind, ComponentImportSectionReader,
    ComponentTypeRef,
};

use crate::link::OFFERED;
use crate::load_error::LoadError;

/// The interface that a policy must export.
const POLICY: &str = "writ:host/policy";

/// Names of imports and exports of the outermost component.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    policy: bool,
}

impl Interface {
    pub(super) fn imports(
        &mut self,
        imports: ComponentImportSectionReader<'_>,
        problems: &mut Vec<LoadError>,
    ) -> wasmparser::Result<()> {
        for import in imports {
            let import = import?;
            let name = import.name.name;
            match import.ty {
                // A type takes nothing from the host.
                ComponentTypeRef::Type(_) => continue,
                ComponentTypeRef::Instance(_) if is_offered(name) => {}
                _ => problems.push(LoadError::ImportRefused { import: name.to_owned() }),
            }
            self.imports.push(name.to_owned());
        }
        Ok(())
    }

    /// Others than the policy interface are tolerated: componentize-py adds `exports`,
    /// componentize-qjs adds `init`.
    pub(super) fn exports(
        &mut self,
        exports: ComponentExportSectionReader<'_>,
    ) -> wasmparser::Result<()> {
        for export in exports {
            let export = export?;
            let name = export.name.name;
            self.policy |=
                export.kind == ComponentExternalKind::Instance && unversioned(name) == Some(POLICY);
            self.exports.push(name.to_owned());
        }
        Ok(())
    }

    /// Whether a policy is exported, said at the end.
    pub(super) fn policy(&self, problems: &mut Vec<LoadError>) {
        if !self.policy {
            problems.push(LoadError::ExportMissing {
                expected: format!("{POLICY}@0.1.0"),
                exports: self.exports.clone(),
            });
        }
    }
}

fn is_offered(import: &str) -> bool {
    unversioned(import).is_some_and(|name| OFFERED.contains(&name))
}

/// The name without its version, if the version is compatible with the one that is offered: for
/// versions below 1.0, semver takes those with the same second figure.
fn unversioned(name: &str) -> Option<&str> {
    let (name, version) = name.split_once('@')?;
    let compatible = if name.starts_with("wasi:") { "0.2." } else { "0.1." };
    let patch = version.strip_prefix(compatible)?;
    let figure = !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit());
    figure.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compatible_version_of_an_offered_interface_is_offered() {
        for name in ["writ:host/storage@0.1.0", "writ:host/log@0.1.7", "wasi:io/poll@0.2.6"] {
            assert!(is_offered(name), "{name}");
        }
    }

    #[test]
    fn another_version_or_interface_is_not() {
        for name in [
            "writ:host/storage@0.2.0",
            "writ:host/storage",
            "writ:host/storage@0.1.0-rc1",
            "writ:host/network@0.1.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/poll@0.3.0",
            "storage",
        ] {
            assert!(!is_offered(name), "{name}");
        }
    }
}
