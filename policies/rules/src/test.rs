//! Tests of one value.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::Value;
use writ_sdk::{Globs, Request};

use crate::operand::{Bound, Operand, Set};
use crate::pattern::Pattern;
use crate::value::equal;

/// A test of a value that is there. A value of a kind that the test does not speak about fails it.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal; values of different kinds are not.
    Eq(Operand),
    /// Not equal; values of different kinds are not.
    Ne(Operand),
    /// Less: two numbers, or two strings by code points.
    Lt(Bound),
    /// Less or equal.
    Le(Bound),
    /// Greater.
    Gt(Bound),
    /// Greater or equal.
    Ge(Bound),
    /// Equal to an item of an array.
    In(Set),
    /// Equal to no item of an array.
    NotIn(Set),
    /// An array with an equal item, or a string with this string in it.
    Contains(Operand),
    /// A string that one of the globs matches.
    Glob(Globs),
    /// A string in which the expression is found.
    Regex(Pattern),
    /// A string, array or object of such a length.
    Length(Length),
    /// A value of this kind.
    Is(Kind),
}

/// Bounds of a length: characters of a string, items of an array, members of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawLength")]
pub struct Length {
    min: Option<usize>,
    max: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawLength {
    min: Option<usize>,
    max: Option<usize>,
}

/// The kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` and `false`.
    Boolean,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// Text.
    String,
    /// A list.
    Array,
    /// Names with values.
    Object,
}

impl Test {
    /// Whether the value passes.
    pub fn holds(&self, value: &Value, request: &Request) -> bool {
        let other = |operand: &Operand, holds: fn(&Value, &Value) -> bool| {
            operand.resolve(request).is_some_and(|other| holds(value, &other))
        };
        let ordered = |bound: &Bound, holds: fn(Ordering) -> bool| {
            bound.order(value, request).is_some_and(holds)
        };
        match self {
            Self::Eq(operand) => other(operand, equal),
            Self::Ne(operand) => other(operand, |value, other| !equal(value, other)),
            Self::Lt(bound) => ordered(bound, Ordering::is_lt),
            Self::Le(bound) => ordered(bound, Ordering::is_le),
            Self::Gt(bound) => ordered(bound, Ordering::is_gt),
            Self::Ge(bound) => ordered(bound, Ordering::is_ge),
            Self::In(set) => set.holds(value, request) == Some(true),
            Self::NotIn(set) => set.holds(value, request) == Some(false),
            Self::Contains(operand) => other(operand, contains),
            Self::Glob(globs) => value.as_str().is_some_and(|text| globs.matches(text)),
            Self::Regex(pattern) => value.as_str().is_some_and(|text| pattern.is_found(text)),
            Self::Length(length) => length.holds(value),
            Self::Is(kind) => kind.holds(value),
        }
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Array(items), part) => items.iter().any(|item| equal(item, part)),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

impl TryFrom<RawLength> for Length {
    type Error = String;

    fn try_from(raw: RawLength) -> Result<Self, String> {
        match (raw.min, raw.max) {
            (Some(min), Some(max)) if min > max => {
                Err(format!("no length is at least {min} and at most {max}"))
            }
            (min, max) => Ok(Self { min, max }),
        }
    }
}

impl Length {
    fn holds(&self, value: &Value) -> bool {
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => return false,
        };
        self.min.is_none_or(|min| length >= min) && self.max.is_none_or(|max| length <= max)
    }
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}
