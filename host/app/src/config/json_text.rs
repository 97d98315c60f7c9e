//! The JSON text of a file of settings, and where in it something stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::document::{Place, Step};

/// JSON that was read from a file, or given as an option.
#[derive(Clone, Debug)]
pub(crate) struct JsonText {
    name: String,
    text: Arc<str>,
}

impl JsonText {
    /// A text, and the name of the file or the option that it was read from.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }

    /// The file or the option.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the value at the end of a path stands, or the last value before it that is there; the
    /// file alone for the whole of it.
    pub(crate) fn place(&self, path: &[Step]) -> Place {
        Place::in_text(&self.name, &self.text, self.offset(path))
    }

    fn offset(&self, path: &[Step]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let mut value = inner(serde_json::from_str(&self.text).ok()?, first)?;
        for step in rest {
            let Some(next) = inner(value, step) else { break };
            value = next;
        }
        // What is borrowed lies within the text.
        value.get().as_ptr().addr().checked_sub(self.text.as_ptr().addr())
    }
}

fn inner<'a>(value: &'a RawValue, step: &Step) -> Option<&'a RawValue> {
    match step {
        Step::Key(key) => {
            let mut object: BTreeMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
            object.remove(key)
        }
        Step::Index(index) => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            items.get(*index).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::at;

    fn check(path: &[Step], place: &str) {
        let text = "\n{ \"a\": 1,\n  \"é\\n\": [ {\"x\": \"ü\", \"y\": 2}, 3 ] }";
        assert_eq!(JsonText::new("f.json", text).place(path).to_string(), place, "{path:?}");
    }

    #[test]
    fn a_path_leads_to_the_line_and_column_of_its_value() {
        check(&at!["a"], "f.json:2:8");
        check(&at!["é\n", 0, "y"], "f.json:3:28");
        check(&at!["é\n", 1], "f.json:3:32");
    }

    #[test]
    fn a_path_that_ends_early_leads_to_the_last_value_that_is_there() {
        check(&at!["é\n", 0, "z"], "f.json:3:12");
        check(&at!["é\n", "z"], "f.json:3:10");
        check(&at!["b"], "f.json");
        check(&[], "f.json");
    }
}
