//! Reads its storage without end.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::writ::host::storage;
use writ_hostile::{Json, ToolRule};

struct ToolCallFlood;

impl ToolRule for ToolCallFlood {
    const NAME: &str = "tool-call-flood";

    fn call(_arguments: Json) -> Result<Json, String> {
        loop {
            // What the host answers is of no interest to a flood.
            drop(storage::get("key"));
        }
    }
}

writ_hostile::tool!(ToolCallFlood);
