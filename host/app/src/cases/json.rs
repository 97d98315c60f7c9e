//! JSON that is compared by parts, and values of storage as JSON.

use serde_json::Value;

/// The bytes that a value of a case stands for; none where the key is not there.
pub(super) fn stored(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(other.to_string().into_bytes()),
    }
}

/// Whether stored bytes are what a value of a case stands for.
pub(super) fn is_stored(bytes: Option<&[u8]>, value: &Value) -> bool {
    match (bytes, value) {
        (None, Value::Null) => true,
        (Some(bytes), Value::String(text)) => bytes == text.as_bytes(),
        (Some(bytes), value) if !value.is_null() => {
            serde_json::from_slice(bytes).is_ok_and(|held: Value| equal(&held, value))
        }
        _ => false,
    }
}

/// Adds what is missing or differs in `actual` to `found`: objects may hold more than `part` says,
/// lists may not. `at` names the place.
pub(super) fn compare(actual: &Value, part: &Value, at: &str, found: &mut Vec<String>) {
    match (actual, part) {
        (Value::Object(actual), Value::Object(part)) => {
            for (key, part) in part {
                let at = format!("{at}.{key}");
                match actual.get(key) {
                    Some(actual) => compare(actual, part, &at, found),
                    None => found.push(format!("{at} is not there")),
                }
            }
        }
        (Value::Array(actual), Value::Array(part)) if actual.len() == part.len() => {
            for (index, (actual, part)) in actual.iter().zip(part).enumerate() {
                compare(actual, part, &format!("{at}.{index}"), found);
            }
        }
        _ if equal(actual, part) => {}
        _ => found.push(format!("{at} is {actual}, not {part}")),
    }
}

/// JSON has one kind of number: 1 and 1.0 are equal.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal(a, b))
        }
        (Value::Object(left), Value::Object(right)) => {
            let held = |(key, value): (&String, &Value)| {
                right.get(key).is_some_and(|other| equal(value, other))
            };
            left.len() == right.len() && left.iter().all(held)
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_may_leave_members_out_but_no_items() {
        let check = |actual: Value, part: Value| {
            let mut found = Vec::new();
            compare(&actual, &part, "x", &mut found);
            found
        };
        assert!(check(json!({"a": 1, "b": 2}), json!({"a": 1.0})).is_empty());
        assert_eq!(check(json!({"a": [1, 2]}), json!({"a": [1]})), ["x.a is [1,2], not [1]"]);
        assert_eq!(check(json!({}), json!({"a": 1, "b": 2})).len(), 2);
    }

    #[test]
    fn a_text_is_stored_as_it_is_and_anything_else_as_json() {
        assert_eq!(stored(&json!("5")), stored(&json!(5)));
        assert_eq!(stored(&json!(null)), None);
        assert!(is_stored(Some(b"{\"a\": 1.0}"), &json!({"a": 1})));
        assert!(!is_stored(Some(b"5 "), &json!("5")));
        assert!(!is_stored(Some(b"5"), &json!(null)));
        assert!(is_stored(None, &json!(null)));
    }
}
