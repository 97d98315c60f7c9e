//! The form in which values are compared and stored.

use serde_json::{Number, Value};

/// What makes no difference between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Upper and lower case.
    pub ignore_case: bool,
    /// White space, anywhere in a string.
    pub ignore_spaces: bool,
}

impl Form {
    /// The value's JSON text without what makes no difference. Values of different kinds never
    /// have the same.
    pub fn of(&self, value: &Value) -> String {
        match value {
            Value::String(text) => Value::String(self.text(text)).to_string(),
            Value::Number(number) => whole(number),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.of(item)).collect();
                format!("[{}]", items.join(","))
            }
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| {
                    format!("{}:{}", Value::from(name.as_str()), self.of(value))
                };
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }
            Value::Null | Value::Bool(_) => value.to_string(),
        }
    }

    fn text(&self, text: &str) -> String {
        let kept: String =
            text.chars().filter(|letter| !(self.ignore_spaces && letter.is_whitespace())).collect();
        if self.ignore_case { kept.to_lowercase() } else { kept }
    }
}

/// 1.0 is written 1, as the host's canonical JSON does; settings need not be canonical.
fn whole(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if double.fract() == 0.0 && double.abs() < 1e15 => format!("{double:.0}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_the_settings_name_makes_no_difference() {
        let strict = Form { ignore_case: false, ignore_spaces: false };
        let loose = Form { ignore_case: true, ignore_spaces: true };
        let (plain, spaced) = (json!("GB29NWBK"), json!(" gb29 nw\u{a0}bk\t"));
        assert_ne!(strict.of(&plain), strict.of(&spaced));
        assert_eq!(loose.of(&plain), loose.of(&spaced));
        // A character that is not seen is a difference.
        assert_ne!(loose.of(&plain), loose.of(&json!("GB29\u{200b}NWBK")));
    }

    #[test]
    fn kinds_are_told_apart() {
        let form = Form { ignore_case: true, ignore_spaces: true };
        let values = [json!(1), json!("1"), json!(true), json!("true"), json!([1]), json!("[1]")];
        for (at, one) in values.iter().enumerate() {
            for other in &values[at + 1..] {
                assert_ne!(form.of(one), form.of(other));
            }
        }
        assert_eq!(form.of(&json!(1)), form.of(&json!(1.0)));
    }

    #[test]
    fn the_members_of_objects_and_lists_are_of_the_same_form() {
        let form = Form { ignore_case: true, ignore_spaces: true };
        let one = json!({"to": [{"Iban": "DE 89"}], "n": 1.0});
        assert_eq!(form.of(&one), form.of(&json!({"n": 1, "to": [{"Iban": "de89"}]})));
        // A name is a name.
        assert_ne!(form.of(&one), form.of(&json!({"n": 1, "to": [{"iban": "de89"}]})));
        assert_eq!(form.of(&one), r#"{"n":1,"to":[{"Iban":"de89"}]}"#);
    }
}
