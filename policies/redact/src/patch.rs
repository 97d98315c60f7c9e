//! The JSON Merge Patch (RFC 7396) that leads from one object to another.
//!
//! Such a patch replaces arrays whole, and `null` in it removes a member. Redacting never makes a
//! member `null` that was not, so every change can be expressed.

use serde_json::{Map, Value};

/// The smallest patch that makes `after` out of `before`. `after` has no member that `before` has
/// not.
pub(crate) fn between(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, old) in before {
        match (old, after.get(name)) {
            (_, None) => {
                patch.insert(name.clone(), Value::Null);
            }
            (old, Some(new)) if old == new => {}
            (Value::Object(old), Some(Value::Object(new))) => {
                patch.insert(name.clone(), Value::Object(between(old, new)));
            }
            (_, Some(new)) => {
                patch.insert(name.clone(), new.clone());
            }
        }
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(before: Value, after: Value, patch: Value) {
        let [before, after, patch] = [before, after, patch].map(|value| match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        });
        assert_eq!(between(&before, &after), patch);
    }

    #[test]
    fn only_what_changed_is_in_the_patch() {
        check(
            json!({"a": 1, "b": {"c": 2, "d": null}}),
            json!({"a": 1, "b": {"c": 3, "d": null}}),
            json!({"b": {"c": 3}}),
        );
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), json!({"b": null}));
        check(json!({"a": [1, null]}), json!({"a": ["x", null]}), json!({"a": ["x", null]}));
        check(json!({"a": null}), json!({"a": null}), json!({}));
    }
}
