//! The values that a request holds at some places.

use serde_json::Value;
use writ_sdk::{Place, Request};

/// The value at each place, in the order of the places; of an array its items. `null` is no value:
/// that is how callers leave out an argument.
pub fn found(request: &Request, places: &[Place]) -> Vec<Value> {
    let mut values = Vec::new();
    for place in places {
        match request.at(place).as_deref() {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => {
                values.extend(items.iter().filter(|item| !item.is_null()).cloned());
            }
            Some(value) => values.push(value.clone()),
        }
    }
    values
}
