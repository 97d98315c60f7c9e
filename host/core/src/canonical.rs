//! Writes the canonical JSON of RFC 8785.
//!
//! A request is written so before it is decided, and an execution with each of its events before it is
//! kept, so this must be quick: what is plain (ASCII names, integers) goes straight to the output, and
//! only what is rare is left to the general writer.

mod sorting;

use serde::Serialize;
use serde_json::{Map, Number, Value};

pub(crate) use self::sorting::text;

/// Appends a value. Integers must be exact doubles.
pub(crate) fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => push_number(out, number),
        Value::String(text) => push_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                push_comma(out, index);
                push_value(out, item);
            }
            out.push(']');
        }
        Value::Object(object) => push_object(out, object),
    }
}

/// Appends a string, escaped as ECMAScript does (RFC 8785, section 3.2.2.2).
pub(crate) fn push_string(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        push_general(out, &text);
    }
}

fn push_object(out: &mut String, object: &Map<String, Value>) {
    out.push('{');
    let push = |out: &mut String, index: usize, (name, value): (&String, &Value)| {
        push_comma(out, index);
        push_string(out, name);
        out.push(':');
        push_value(out, value);
    };
    // Names are sorted by UTF-16 units (section 3.2.3), the map's by bytes; for these it is the same.
    if object.keys().all(|name| name.is_ascii()) {
        object.iter().enumerate().for_each(|(index, member)| push(out, index, member));
    } else {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_by(|left, right| left.0.encode_utf16().cmp(right.0.encode_utf16()));
        members.into_iter().enumerate().for_each(|(index, member)| push(out, index, member));
    }
    out.push('}');
}

fn push_number(out: &mut String, number: &Number) {
    if number.is_f64() {
        push_general(out, number);
    } else {
        use std::fmt::Write;
        write!(out, "{number}").expect("a string takes whatever is written");
    }
}

fn push_general(out: &mut String, value: &impl Serialize) {
    let text = serde_json_canonicalizer::to_string(value);
    out.push_str(&text.expect("strings and finite numbers are always JSON"));
}

fn push_comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(value: &Value) {
        let mut quick = String::new();
        push_value(&mut quick, value);
        assert_eq!(quick, serde_json_canonicalizer::to_string(value).unwrap());
    }

    #[test]
    fn names_are_sorted_by_utf_16_units() {
        // U+FB33 comes after U+1F600 by UTF-16, and before it by bytes.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": 3, "1": 4, "é": 5, "a\"b": 6});
        check(&value);
        let mut text = String::new();
        push_value(&mut text, &value);
        assert!(text.find('\u{1f600}') < text.find('\u{fb33}'), "{text}");
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        check(&json!([0, -1, 9_007_199_254_740_991_u64, 1.0, -0.0, 1e21, 1e-7, 0.1, 4.5e15]));
    }

    pub(in crate::canonical) fn value() -> impl Strategy<Value = Value> {
        let text = "([ -~]|\\PC|[\\x00-\\x1f\"\\\\]){0,12}";
        let integer = -9_007_199_254_740_991_i64..=9_007_199_254_740_991;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            integer.prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((text, inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_quick_is_what_the_general_writer_gives(value in value()) {
            check(&value);
        }
    }
}
