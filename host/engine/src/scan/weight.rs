//! Counts what instantiating a component makes, without making it.
//!
//! A component may instantiate another ten times, which instantiates another ten times: the sums
//! are multiplied out with saturating arithmetic, in time linear in the bytes. Modules and
//! components that come in from outside as values cannot be counted, and count as too many.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Payload,
};

/// What one instantiation makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) core_instances: u64,
    pub(super) component_instances: u64,
    pub(super) memories: u64,
    pub(super) tables: u64,
}

impl Weight {
    const UNKNOWN: Self = Self {
        core_instances: u64::MAX,
        component_instances: u64::MAX,
        memories: u64::MAX,
        tables: u64::MAX,
    };

    fn add(&mut self, other: Self) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.component_instances =
            self.component_instances.saturating_add(other.component_instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
    }
}

/// The components that the walk is in, from the outermost to the innermost.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    components: Vec<Component>,
    /// The core module that the walk is in.
    open: Option<Weight>,
    modules: u32,
    whole: Option<Weight>,
}

/// The index spaces of one component that count.
#[derive(Debug, Default)]
struct Component {
    modules: Vec<Weight>,
    components: Vec<Weight>,
    sum: Weight,
}

impl Nesting {
    /// How many components the walk is in.
    pub(super) fn depth(&self) -> u64 {
        self.components.len() as u64
    }

    /// Number of the core module that the walk is in, or was in last.
    pub(super) fn module(&self) -> u32 {
        self.modules.saturating_sub(1)
    }

    /// Memories and tables of the core module that the walk is in.
    pub(super) fn open(&self) -> Weight {
        self.open.unwrap_or_default()
    }

    /// What the whole component makes, once the walk is through.
    pub(super) fn whole(&self) -> Option<Weight> {
        self.whole
    }

    pub(super) fn enter(&mut self) {
        self.components.push(Component::default());
    }

    pub(super) fn payload(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.open = Some(Weight { core_instances: 1, ..Weight::default() });
                self.modules += 1;
            }
            Payload::MemorySection(memories) => {
                self.within(|module| module.memories += u64::from(memories.count()));
            }
            Payload::TableSection(tables) => {
                self.within(|module| module.tables += u64::from(tables.count()));
            }
            Payload::End(_) => self.leave(),
            payload => {
                if let Some((component, outer)) = self.components.split_last_mut() {
                    component.section(payload, outer)?;
                }
            }
        }
        Ok(())
    }

    fn within(&mut self, count: impl FnOnce(&mut Weight)) {
        if let Some(module) = &mut self.open {
            count(module);
        }
    }

    fn leave(&mut self) {
        if let Some(module) = self.open.take() {
            if let Some(component) = self.components.last_mut() {
                component.modules.push(module);
            }
            return;
        }
        let Some(component) = self.components.pop() else { return };
        match self.components.last_mut() {
            Some(outer) => outer.components.push(component.sum),
            None => self.whole = Some(component.sum),
        }
    }
}

impl Component {
    fn section(&mut self, payload: &Payload<'_>, outer: &[Self]) -> wasmparser::Result<()> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.sum.add(at(&self.modules, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.sum.add(at(&self.components, component_index));
                        self.sum.add(Weight { component_instances: 1, ..Weight::default() });
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(alias?, outer);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    match import?.ty {
                        ComponentTypeRef::Module(_) => self.modules.push(Weight::UNKNOWN),
                        ComponentTypeRef::Component(_) => self.components.push(Weight::UNKNOWN),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    // An export is a new index of the same thing.
                    self.define(export.kind, |space| at(space, export.index));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'_>, outer: &[Self]) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => {
                self.define(kind, |_| Weight::UNKNOWN);
            }
            ComponentAlias::Outer { kind, count, index } => {
                let from = |own: &[Weight], theirs: fn(&Self) -> &[Weight]| match count {
                    0 => at(own, index),
                    count => outer
                        .len()
                        .checked_sub(count as usize)
                        .and_then(|place| outer.get(place))
                        .map_or(Weight::UNKNOWN, |outer| at(theirs(outer), index)),
                };
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        self.modules.push(from(&self.modules, |outer| &outer.modules));
                    }
                    ComponentOuterAliasKind::Component => {
                        self.components.push(from(&self.components, |outer| &outer.components));
                    }
                    ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
                }
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
    }

    fn define(&mut self, kind: ComponentExternalKind, weight: impl FnOnce(&[Weight]) -> Weight) {
        let space = match kind {
            ComponentExternalKind::Module => &mut self.modules,
            ComponentExternalKind::Component => &mut self.components,
            ComponentExternalKind::Func
            | ComponentExternalKind::Value
            | ComponentExternalKind::Type
            | ComponentExternalKind::Instance => return,
        };
        let weight = weight(space);
        space.push(weight);
    }
}

/// INVARIANT: the validator has seen the payload, so the index is within; were it not, the
/// component counts as too large.
fn at(space: &[Weight], index: u32) -> Weight {
    space.get(index as usize).copied().unwrap_or(Weight::UNKNOWN)
}
