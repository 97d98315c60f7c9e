//! What the operator writes.

use serde::Deserialize;
use writ_sdk::Pointer;

use crate::pattern::Find;

/// All settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Applied one after the other.
    pub redactions: Vec<Redaction>,
}

/// One redaction.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Redaction {
    /// Names it in the annotations.
    pub name: String,
    /// Where: a pointer into the arguments, `*` for every member and item.
    #[serde(default = "everywhere")]
    pub path: Pointer,
    /// Only such parts of strings.
    pub find: Option<Find>,
    /// Only the parts of strings that this regular expression finds.
    pub regex: Option<String>,
    /// What stands there afterwards.
    #[serde(default = "mask")]
    pub replace_with: String,
    /// Whether the member or item is removed.
    #[serde(default)]
    pub remove: bool,
}

fn everywhere() -> Pointer {
    Pointer::parse("").expect("the empty pointer is one")
}

fn mask() -> String {
    "[redacted]".to_owned()
}
