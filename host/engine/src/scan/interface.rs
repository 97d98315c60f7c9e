//! What a component takes and gives: imports that are not offered are refused by name.

use wasmparser::{
    ComponentExportSectionReader, ComponentExternalKind, ComponentImportSectionReader,
    ComponentTypeRef,
};

use crate::link::Kind;
use crate::load_error::LoadError;

/// Names of imports and exports of the outermost component.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
    /// Imports that are no interfaces, which nobody offers.
    odd: Vec<String>,
    policy: bool,
    tool: bool,
}

impl Interface {
    pub(super) fn imports(
        &mut self,
        imports: ComponentImportSectionReader<'_>,
    ) -> wasmparser::Result<()> {
        for import in imports {
            let import = import?;
            let name = import.name.name;
            match import.ty {
                // A type takes nothing from the host.
                ComponentTypeRef::Type(_) => continue,
                ComponentTypeRef::Instance(_) => {}
                _ => self.odd.push(name.to_owned()),
            }
            self.imports.push(name.to_owned());
        }
        Ok(())
    }

    /// Others than the contract's interfaces are tolerated: componentize-py adds `exports`,
    /// componentize-qjs adds `init`.
    pub(super) fn exports(
        &mut self,
        exports: ComponentExportSectionReader<'_>,
    ) -> wasmparser::Result<()> {
        for export in exports {
            let export = export?;
            let name = export.name.name;
            let interface =
                unversioned(name).filter(|_| export.kind == ComponentExternalKind::Instance);
            self.policy |= interface == Some(Kind::Policy.export());
            self.tool |= interface == Some(Kind::Tool.export());
            self.exports.push(name.to_owned());
        }
        Ok(())
    }

    /// What the component is; a policy where it does not say.
    pub(super) fn kind(&self) -> Kind {
        if self.tool && !self.policy { Kind::Tool } else { Kind::Policy }
    }

    /// Imports that are not offered to what the component is.
    pub(super) fn refused(&self) -> Vec<LoadError> {
        let kind = self.kind();
        let is_refused = |import: &&String| {
            let offered = unversioned(import).is_some_and(|name| kind.may_import(name));
            !offered || self.odd.contains(import)
        };
        let refused = self.imports.iter().filter(is_refused);
        refused.map(|import| LoadError::ImportRefused { import: import.clone(), kind }).collect()
    }

    /// Whether it is one of both, said at the end.
    pub(super) fn shape(&self, problems: &mut Vec<LoadError>) {
        let exports = || self.exports.clone();
        match (self.policy, self.tool) {
            (true, false) | (false, true) => {}
            (true, true) => problems.push(LoadError::ExportAmbiguous { exports: exports() }),
            (false, false) => {
                let expected = format!("{}@0.1.0", Kind::Policy.export());
                problems.push(LoadError::ExportMissing { expected, exports: exports() });
            }
        }
    }
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
        let is_offered = |import| unversioned(import).is_some_and(|n| Kind::Policy.may_import(n));
        for name in ["writ:host/storage@0.1.0", "writ:host/log@0.1.7", "wasi:io/poll@0.2.6"] {
            assert!(is_offered(name), "{name}");
        }
    }

    #[test]
    fn another_version_or_interface_is_not() {
        let is_offered = |import| unversioned(import).is_some_and(|n| Kind::Policy.may_import(n));
        for name in [
            "writ:host/storage@0.2.0",
            "writ:host/storage",
            "writ:host/storage@0.1.0-rc1",
            "writ:host/network@0.1.0",
            "writ:host/approvals@0.1.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:io/poll@0.3.0",
            "storage",
        ] {
            assert!(!is_offered(name), "{name}");
        }
    }
}
