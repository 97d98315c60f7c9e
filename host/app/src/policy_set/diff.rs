//! What differs between two versions of a policy set.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::stored::{StoredBinding, StoredSet};

/// What differs between two versions: what the second says and the first does not, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicySetDiff)]
pub struct Diff {
    /// Bindings that only the second has, by name.
    pub added: Vec<String>,
    /// Bindings that only the first has, by name.
    pub removed: Vec<String>,
    /// Bindings that differ.
    pub changed: Vec<ChangedBinding>,
    /// Whether the bindings that both have are evaluated in another order.
    pub reordered: bool,
}

/// A binding that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedBinding {
    /// Its name.
    pub name: String,
    /// What differs in it.
    pub changes: Vec<Change>,
}

/// One thing that differs. A list that differs is one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicySetChange)]
pub struct Change {
    /// Where: a JSON pointer into the binding (RFC 6901).
    #[schema(example = "/settings/limit")]
    pub pointer: String,
    /// What the first says; absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub from: Option<Value>,
    /// What the second says; absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub to: Option<Value>,
}

impl Diff {
    /// From one version to another.
    pub fn between(from: &StoredSet, to: &StoredSet) -> Self {
        let only = |of: &StoredSet, other: &StoredSet| {
            let alone = of.bindings.iter().filter(|binding| named(other, binding).is_none());
            alone.map(|binding| binding.name.to_string()).collect()
        };
        let common = |of: &StoredSet, other: &StoredSet| -> Vec<_> {
            let both = of.bindings.iter().filter(|binding| named(other, binding).is_some());
            both.map(|binding| binding.name.clone()).collect()
        };
        let changed = from.bindings.iter().filter_map(|before| {
            let after = named(to, before)?;
            let mut changes = Vec::new();
            compare(value(before).as_ref(), value(after).as_ref(), "", &mut changes);
            let name = before.name.to_string();
            (!changes.is_empty()).then_some(ChangedBinding { name, changes })
        });
        Self {
            added: only(to, from),
            removed: only(from, to),
            changed: changed.collect(),
            reordered: common(from, to) != common(to, from),
        }
    }
}

fn named<'a>(set: &'a StoredSet, like: &StoredBinding) -> Option<&'a StoredBinding> {
    set.bindings.iter().find(|binding| binding.name == like.name)
}

fn value(binding: &StoredBinding) -> Option<Value> {
    serde_json::to_value(binding).ok()
}

fn compare(from: Option<&Value>, to: Option<&Value>, pointer: &str, changes: &mut Vec<Change>) {
    match (from, to) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let new = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(new) {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                let pointer = format!("{pointer}/{escaped}");
                compare(before.get(key), after.get(key), &pointer, changes);
            }
        }
        (from, to) if from == to => {}
        (from, to) => {
            let (from, to) = (from.cloned(), to.cloned());
            changes.push(Change { pointer: pointer.to_owned(), from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(bindings: Value) -> StoredSet {
        let bindings = bindings.as_array().unwrap().iter().map(|binding| {
            let mut whole = json!({
                "source": "builtin:rules", "component": writ_core::Digest::of("c"), "match": {},
                "settings": {}, "limits": {}, "mode": "enforce", "commit": "on-permit", "order": "0",
            });
            let members = binding.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(members);
            whole
        });
        serde_json::from_value(json!({ "bindings": bindings.collect::<Vec<_>>() })).unwrap()
    }

    #[test]
    fn what_differs_is_told_by_binding_and_pointer() {
        let before = set(json!([
            {"name": "a", "settings": {"limit": 1, "a/b": [1, 2], "gone": true}},
            {"name": "b"},
            {"name": "c"},
        ]));
        let after = set(json!([
            {"name": "d"},
            {"name": "b"},
            {"name": "a", "settings": {"limit": 2, "a/b": [1], "new": null}, "mode": "shadow"},
        ]));
        let diff = serde_json::to_value(Diff::between(&before, &after)).unwrap();
        assert_eq!((&diff["added"], &diff["removed"]), (&json!(["d"]), &json!(["c"])));
        assert_eq!(diff["reordered"], true);
        assert_eq!(
            diff["changed"],
            json!([{ "name": "a", "changes": [
                {"pointer": "/mode", "from": "enforce", "to": "shadow"},
                {"pointer": "/settings/a~1b", "from": [1, 2], "to": [1]},
                {"pointer": "/settings/gone", "from": true},
                {"pointer": "/settings/limit", "from": 1, "to": 2},
                {"pointer": "/settings/new", "to": null},
            ] }])
        );
        let same = Diff::between(&before, &before);
        assert!(same.changed.is_empty() && same.added.is_empty() && !same.reordered);
    }
}
