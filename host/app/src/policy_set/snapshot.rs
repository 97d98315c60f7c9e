//! A policy set that is ready to decide: one immutable value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use writ_core::{Binding, BindingName, Commit, Digest, Json, Mode};
use writ_engine::Image;

use super::parsed::PolicyBinding;
use super::source::Source;

/// A loaded policy set. What decides a request is one of these from beginning to end.
#[derive(Clone)]
pub struct Snapshot {
    /// Digest of everything that can change a decision: see [`Snapshot::new`].
    pub digest: Digest,
    /// The bindings, in the order in which their policies are evaluated.
    pub bindings: Vec<Bound>,
}

/// A binding and the policy that it binds.
#[derive(Clone)]
pub struct Bound {
    /// Name, matcher, mode and commit.
    pub binding: Binding,
    /// The policy: compiled, with its settings and limits.
    pub image: Arc<Image>,
    /// What the matcher was made of: globs by part.
    pub matches: BTreeMap<&'static str, Vec<String>>,
    /// Where the component came from.
    pub source: Source,
    /// What the operator wrote for `order`.
    pub order: i64,
    /// What `configure` was given.
    pub settings: Json,
}

impl Snapshot {
    /// A set of loaded bindings, in evaluation order.
    ///
    /// Its digest is that of the canonical JSON (RFC 8785) of the list of its bindings: name, image
    /// (which is component, settings and limits), globs, mode, commit and order of each.
    pub fn new(bindings: Vec<Bound>) -> Self {
        Self { digest: digest(bindings.iter().map(Bound::facts).collect()), bindings }
    }

    /// The set as it would be if a binding counted that does not: without the others that do not.
    pub(crate) fn if_counted(&self, name: &BindingName) -> Self {
        let mut bindings = self.bindings.clone();
        if let Some(bound) = bindings.iter_mut().find(|bound| bound.binding.name == *name) {
            bound.binding.mode = Mode::Enforce;
        }
        bindings.retain(|bound| bound.binding.mode == Mode::Enforce);
        Self::new(bindings)
    }
}

impl Bound {
    pub(super) fn new(binding: &PolicyBinding, image: Arc<Image>) -> Self {
        Self {
            binding: binding.binding.clone(),
            image,
            matches: binding.matches.clone(),
            source: binding.source.clone(),
            order: binding.order,
            settings: binding.settings.json().clone(),
        }
    }

    /// Whether another binding is the same in everything that can change a decision.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.facts() == other.facts()
    }

    fn facts(&self) -> Value {
        let Binding { name, mode, commit, .. } = &self.binding;
        // As text: it may be larger than JSON's exact integers.
        let order = self.order.to_string();
        facts(name, self.image.digest(), &self.matches, (*mode, *commit), &order)
    }
}

/// Everything of a binding that can change a decision.
pub(super) fn facts(
    name: &BindingName,
    image: Digest,
    matches: &impl Serialize,
    (mode, commit): (Mode, Commit),
    order: &str,
) -> Value {
    json!({
        "name": name, "image": image, "match": matches, "mode": mode, "commit": commit,
        "order": order,
    })
}

/// Digest of the set of such bindings.
pub(super) fn digest(facts: Vec<Value>) -> Digest {
    let facts = Json::from_value(&facts.into()).expect("names, globs and small numbers");
    Digest::of(facts.as_str())
}
