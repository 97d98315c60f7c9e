//! Equality and order of JSON values.
//!
//! JSON has one kind of number, so 1 and 1.0 are equal. Two integers are compared as integers (no
//! digit is lost up to 64 bits), everything else as doubles.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Whether two values are equal, also deep inside.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            order_numbers(left, right) == Some(Ordering::Equal)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal(a, b))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, a)| right.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => left == right,
    }
}

/// The order of two numbers, or of two strings by code points; other values have none.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right),
        // UTF-8 keeps the order of code points.
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn order_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn integers_keep_every_digit() {
        let (large, larger) = (json!(9_007_199_254_740_992_i64), json!(9_007_199_254_740_993_i64));
        assert_eq!(order(&large, &larger), Some(Ordering::Less));
        assert!(!equal(&large, &larger));
        assert_eq!(order(&json!(u64::MAX), &json!(-1)), Some(Ordering::Greater));
    }

    #[test]
    fn a_number_has_one_kind() {
        assert!(equal(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert_eq!(order(&json!(1), &json!(1.5)), Some(Ordering::Less));
        assert!(!equal(&json!(1), &json!("1")));
        assert!(!equal(&json!(0), &json!(false)));
    }

    #[test]
    fn only_numbers_and_strings_have_an_order() {
        assert_eq!(order(&json!("2026-01-02"), &json!("2026-01-10")), Some(Ordering::Less));
        for (left, right) in
            [(json!(1), json!("2")), (json!(null), json!(1)), (json!([1]), json!([2]))]
        {
            assert_eq!(order(&left, &right), None);
        }
    }

    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e18..1e18).prop_map(Value::from),
            (-9i64..9).prop_map(Value::from),
            (-9i64..9).prop_map(|number| Value::from(number as f64)),
        ]
    }

    proptest! {
        #[test]
        fn the_order_of_two_numbers_turns_round(a in number(), b in number()) {
            let there = order(&a, &b).unwrap();
            prop_assert_eq!(order(&b, &a).unwrap(), there.reverse());
            prop_assert_eq!(equal(&a, &b), there.is_eq());
        }
    }
}
