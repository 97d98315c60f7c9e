//! Rules on dependencies.

use std::collections::{BTreeMap, BTreeSet};

use crate::metadata::{Dependency, Metadata, Node};

/// What each crate of the workspace may use of the workspace. A crate that is not listed here is a
/// violation, so that a new one gets its place first.
const LAYERS: &[(&str, &[&str])] = &[
    ("writ-core", &[]),
    ("writ-engine", &["writ-core"]),
    ("writ-store", &["writ-core"]),
    ("writ", &["writ-core", "writ-engine", "writ-store"]),
    ("xtask", &[]),
    ("writ-sdk", &[]),
    ("writ-hostile", &[]),
];

/// Test support, which may use anything and which nothing but tests may use.
const FREE: &str = "writ-testkit";

/// What guests, by the start of their names, may use of the workspace.
const GUESTS: &[(&str, &[&str])] =
    &[("writ-policy-", &["writ-sdk"]), ("writ-tool-", &["writ-sdk"])];

/// Crates of others that belong to one layer, by the start of their names.
const OWNED: &[(&str, &str)] = &[
    ("wasmtime", "writ-engine"),
    ("cranelift", "writ-engine"),
    ("sqlx", "writ-store"),
    ("axum", "writ"),
];

/// What the pure layer may not even reach through others.
const IMPURE: &[&str] = &["tokio", "wasmtime", "sqlx", "axum", "reqwest", "hyper", "cap-std"];
const PURE: &str = "writ-core";

/// Normal and build dependencies by name.
#[derive(Default)]
pub(super) struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let names = metadata.packages.iter().map(|package| (&package.id, &package.name));
        let names = names.collect::<BTreeMap<_, _>>();
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let edge = |node: &Node| {
            let used = node.deps.iter().filter(|dep| ships(dep)).map(|dep| names[&dep.pkg].clone());
            (names[&node.id].clone(), used.collect::<Vec<_>>())
        };
        let mut graph = Self {
            edges: BTreeMap::new(),
            members: metadata.workspace_members.iter().map(|id| names[id].clone()).collect(),
        };
        // Two versions of a crate are one node here: it makes the check stricter, not laxer.
        for (from, to) in nodes.map(edge) {
            graph.edges.entry(from).or_default().extend(to);
        }
        graph
    }

    /// One sentence for each rule that is broken.
    pub(super) fn violations(&self) -> Vec<String> {
        let direct = self.members.iter().flat_map(|member| self.violations_of(member));
        direct.chain(self.impurities()).collect()
    }

    fn violations_of(&self, member: &str) -> Vec<String> {
        if member == FREE {
            return Vec::new();
        }
        let Some(allowed) = allowed(member) else {
            return vec![format!("`{member}` has no place in the layers (xtask, layers/graph.rs)")];
        };
        let wrong = |used: &&String| {
            let inside = self.members.contains(*used) && !allowed.contains(&used.as_str());
            inside || owner(used).is_some_and(|owner| owner != member)
        };
        let used = self.edges.get(member).into_iter().flatten().filter(wrong);
        used.map(|used| format!("`{member}` may not depend on `{used}`")).collect()
    }

    fn impurities(&self) -> Vec<String> {
        let reached = self.reached_from(PURE);
        let impure = |name: &&&str| IMPURE.iter().any(|start| name.starts_with(start));
        let found = reached.iter().filter(impure);
        found.map(|name| format!("`{PURE}` may not reach `{name}`, and does")).collect()
    }

    fn reached_from<'a>(&'a self, start: &'a str) -> BTreeSet<&'a str> {
        let (mut reached, mut todo) = (BTreeSet::new(), vec![start]);
        while let Some(name) = todo.pop() {
            let next = self.edges.get(name).into_iter().flatten();
            todo.extend(next.map(String::as_str).filter(|name| reached.insert(*name)));
        }
        reached
    }
}

fn allowed(member: &str) -> Option<&'static [&'static str]> {
    let listed = LAYERS.iter().find(|(name, _)| *name == member);
    let listed = listed.or_else(|| GUESTS.iter().find(|(start, _)| member.starts_with(start)));
    listed.map(|(_, allowed)| *allowed)
}

fn owner(name: &str) -> Option<&'static str> {
    let owned = OWNED.iter().find(|(start, _)| name.starts_with(start));
    owned.map(|(_, owner)| *owner)
}

/// Whether a dependency is part of what is built, and not of tests alone.
fn ships(dependency: &Dependency) -> bool {
    dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with all layers and these edges.
    fn check(edges: &[(&str, &str)]) -> Vec<String> {
        let names = LAYERS.iter().map(|(name, _)| *name).chain([FREE, "writ-policy-rules"]);
        let mut graph = Graph { members: names.map(str::to_owned).collect(), ..Graph::default() };
        for (from, to) in edges {
            graph.edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph.violations()
    }

    #[test]
    fn the_intended_dependencies_pass() {
        let violations = check(&[
            ("writ", "writ-engine"),
            ("writ", "writ-store"),
            ("writ", "axum"),
            ("writ-engine", "writ-core"),
            ("writ-engine", "wasmtime-wasi"),
            ("writ-store", "sqlx"),
            ("writ-policy-rules", "writ-sdk"),
            ("writ-testkit", "wasmtime"),
            ("writ-testkit", "writ-sdk"),
            ("writ-core", "serde"),
        ]);
        assert_eq!(violations, Vec::<String>::new());
    }

    #[test]
    fn each_forbidden_dependency_is_named() {
        for (from, to) in [
            ("writ-core", "writ-engine"),
            ("writ-engine", "writ-store"),
            ("writ-store", "writ-engine"),
            ("writ-store", "wasmtime"),
            ("writ", "wasmtime-wasi"),
            ("writ", "sqlx"),
            ("writ-engine", "axum"),
            ("writ", "writ-testkit"),
            ("writ-sdk", "writ-core"),
            ("writ-policy-rules", "writ-core"),
            ("writ-policy-rules", "wasmtime"),
        ] {
            let expected = format!("`{from}` may not depend on `{to}`");
            assert_eq!(check(&[(from, to)]), [expected]);
        }
    }

    #[test]
    fn the_pure_layer_may_not_reach_a_runtime_through_others() {
        let violations = check(&[("writ-core", "innocent"), ("innocent", "tokio")]);
        assert_eq!(violations, ["`writ-core` may not reach `tokio`, and does"]);
    }

    #[test]
    fn a_crate_without_a_place_is_named() {
        let mut graph = Graph::default();
        graph.members.insert("newcomer".to_owned());
        assert!(graph.violations()[0].contains("`newcomer` has no place"));
    }

    #[test]
    fn dependencies_of_tests_do_not_count() {
        let kinds = |kinds: &[Option<&str>]| Dependency {
            pkg: String::new(),
            dep_kinds: kinds
                .iter()
                .map(|kind| crate::metadata::DependencyKind { kind: kind.map(str::to_owned) })
                .collect(),
        };
        assert!(!ships(&kinds(&[Some("dev")])));
        assert!(ships(&kinds(&[Some("dev"), None])));
        assert!(ships(&kinds(&[Some("build")])));
    }
}
