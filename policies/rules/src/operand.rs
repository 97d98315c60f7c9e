//! What a value is compared with: a value of the settings, or another place in the request.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use writ_sdk::{Place, Request};

use crate::value::{equal, order};

/// The other side of a comparison. In settings: `{"path": "/…"}` is a place, `{"value": …}` is a
/// value, and so is everything that is no object.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A value of the settings.
    Value(Value),
    /// Another place in the request.
    Path(Place),
}

impl Operand {
    /// The value to compare with; none where the place is empty.
    pub fn resolve<'a>(&'a self, request: &'a Request) -> Option<Cow<'a, Value>> {
        match self {
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Path(path) => request.at(path),
        }
    }
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Value::Object(mut members) = value else { return Ok(Self::Value(value)) };
        let only = members.len() == 1;
        match (members.remove("path"), members.remove("value")) {
            (Some(Value::String(path)), None) if only => {
                Place::parse(&path).map(Self::Path).map_err(de::Error::custom)
            }
            (None, Some(value)) if only => Ok(Self::Value(value)),
            _ => Err(de::Error::custom(
                "an object to compare with is `{\"path\": …}` or `{\"value\": …}`",
            )),
        }
    }
}

/// What a value may be one of: an array of the settings, or a place that holds one.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    operand: Operand,
}

impl Set {
    /// Whether an item equals the value; none where the place holds no array.
    pub fn holds(&self, value: &Value, request: &Request) -> Option<bool> {
        let set = self.operand.resolve(request)?;
        set.as_array().map(|items| items.iter().any(|item| equal(value, item)))
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Operand::deserialize(deserializer)? {
            Operand::Value(value) if !value.is_array() => {
                Err(de::Error::custom("a set is an array or `{\"path\": …}`"))
            }
            operand => Ok(Self { operand }),
        }
    }
}

/// What a value is put in order with: a number or a string of the settings, or a place that holds one.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    operand: Operand,
}

impl Bound {
    /// How the value stands to it; none where they are of kinds that have no order.
    pub fn order(&self, value: &Value, request: &Request) -> Option<Ordering> {
        order(value, &*self.operand.resolve(request)?)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Operand::deserialize(deserializer)? {
            Operand::Value(value) if !value.is_number() && !value.is_string() => {
                Err(de::Error::custom("a bound is a number, a string or `{\"path\": …}`"))
            }
            operand => Ok(Self { operand }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_says_what_it_means() {
        let read = |value: Value| serde_json::from_value::<Operand>(value);
        assert_eq!(read(json!(1)).unwrap(), Operand::Value(json!(1)));
        assert_eq!(read(json!({"value": {"a": 1}})).unwrap(), Operand::Value(json!({"a": 1})));
        let path = Operand::Path(Place::parse("/action").unwrap());
        assert_eq!(read(json!({"path": "/action"})).unwrap(), path);
        assert!(read(json!({"a": 1})).is_err());
        assert!(read(json!({"path": "/action", "value": 1})).is_err());
    }
}
