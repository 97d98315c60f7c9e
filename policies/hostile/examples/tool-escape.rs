//! Tries to get out of the directory that it is granted by every name that it can think of, for reading,
//! writing, listing and removing, and gives what it got hold of.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::tool_bindings::writ::host::files;
use writ_hostile::{Json, ToolRule};

struct ToolEscape;

/// The test puts the links there: `out` to a file and `up` to the directory outside.
const NAMES: [&str; 12] = [
    "../secret",
    "below/../../secret",
    "./../secret",
    "/etc/passwd",
    "//etc/passwd",
    "out",
    "up/secret",
    "up/../secret",
    "..",
    "up",
    "below/\0",
    "/proc/self/environ",
];

impl ToolRule for ToolEscape {
    const NAME: &str = "tool-escape";

    fn call(_arguments: Json) -> Result<Json, String> {
        let mut got = Vec::new();
        for name in NAMES {
            if files::read(name).is_ok() {
                got.push(format!("read {name}"));
            }
            if files::write(name, b"mine").is_ok() {
                got.push(format!("wrote {name}"));
            }
            if files::list_names(name).is_ok() {
                got.push(format!("listed {name}"));
            }
        }
        // What is a link inside may be removed; what it leads to may not.
        for name in NAMES.iter().filter(|name| **name != "out" && **name != "up") {
            if files::remove(name).is_ok() {
                got.push(format!("removed {name}"));
            }
        }
        let large = vec![0; (1 << 20) + 1];
        if files::write("large", &large).is_ok() {
            got.push("wrote too much".to_owned());
        }
        let got: Vec<_> = got.iter().map(|got| format!("{got:?}")).collect();
        Ok(format!("[{}]", got.join(",")))
    }
}

writ_hostile::tool!(ToolEscape);
