//! Sets that are made of bindings: of those that somebody sends, and of those of two others.

use std::collections::BTreeSet;

use writ_core::BindingName;

use super::stored::{StoredBinding, StoredSet};

/// Two bindings of a set have one name.
#[derive(Debug, thiserror::Error)]
#[error(
    "two bindings are called `{0}`\nhint: names are unique, since a binding's storage is kept under its name"
)]
pub struct TwoOfOneName(BindingName);

impl StoredSet {
    /// The set in the order in which its policies are evaluated: lower `order` first, ties as they are.
    ///
    /// # Errors
    /// The first binding whose name another has.
    pub fn arranged(mut self) -> Result<Self, TwoOfOneName> {
        let mut names = BTreeSet::new();
        match self.bindings.iter().find(|binding| !names.insert(&binding.name)) {
            Some(second) => Err(TwoOfOneName(second.name.clone())),
            None => {
                self.bindings.sort_by_key(StoredBinding::order);
                Ok(self)
            }
        }
    }

    /// The set in which a binding is as another set has it, changed or added; none where that has none.
    /// Where both have it, it keeps its place, unless its `order` differs; otherwise it comes after those
    /// of its `order`.
    pub fn with_one_of(&self, other: &Self, name: &BindingName) -> Option<Self> {
        let binding = other.bindings.iter().find(|binding| binding.name == *name)?;
        let mut bindings = self.bindings.clone();
        let place = bindings.iter().position(|binding| binding.name == *name);
        let before = place.map(|place| bindings.remove(place));
        let keeps_place = before.is_some_and(|before| before.order == binding.order);
        let place = place.filter(|_| keeps_place).unwrap_or_else(|| {
            let is_later = |later: &StoredBinding| later.order() > binding.order();
            bindings.iter().position(is_later).unwrap_or(bindings.len())
        });
        bindings.insert(place, binding.clone());
        Some(Self { bindings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(bindings: &[(&str, i64, u64)]) -> StoredSet {
        let bindings = bindings.iter().map(|(name, order, limit)| {
            json!({
                "name": name, "order": order.to_string(), "settings": { "limit": limit },
                "source": "builtin:rules", "component": writ_core::Digest::of("c"), "match": {},
                "limits": {}, "mode": "enforce", "commit": "on-permit",
            })
        });
        serde_json::from_value(json!({ "bindings": bindings.collect::<Vec<_>>() })).unwrap()
    }

    fn check(other: &[(&str, i64, u64)], name: &str, expected: &[(&str, i64, u64)]) {
        let active = set(&[("a", 0, 1), ("b", 0, 1), ("c", 5, 1)]);
        let single = active.with_one_of(&set(other), &name.parse().unwrap());
        assert_eq!(single, Some(set(expected)), "{other:?} {name}");
    }

    #[test]
    fn one_binding_is_the_others_and_all_the_rest_stays() {
        check(&[("x", 0, 9), ("a", 0, 9)], "a", &[("a", 0, 9), ("b", 0, 1), ("c", 5, 1)]);
        check(&[("a", 3, 9)], "a", &[("b", 0, 1), ("a", 3, 9), ("c", 5, 1)]);
        check(&[("a", 7, 9)], "a", &[("b", 0, 1), ("c", 5, 1), ("a", 7, 9)]);
    }

    #[test]
    fn one_that_only_the_other_has_is_added() {
        check(&[("x", 0, 9)], "x", &[("a", 0, 1), ("b", 0, 1), ("x", 0, 9), ("c", 5, 1)]);
        let other = set(&[("x", 0, 9)]);
        assert_eq!(set(&[("a", 0, 1)]).with_one_of(&other, &"a".parse().unwrap()), None);
    }
}
