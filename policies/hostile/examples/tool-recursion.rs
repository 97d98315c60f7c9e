//! Calls itself without end, and tells how deep it came.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::tool_bindings::writ::host::tools::{self, Error};
use writ_hostile::{Json, ToolRule};

struct ToolRecursion;

impl ToolRule for ToolRecursion {
    const NAME: &str = "tool-recursion";

    fn call(_arguments: Json) -> Result<Json, String> {
        match tools::call("recursion", "{\"cents\":1}") {
            Ok(depth) => {
                let depth: u64 = depth.parse().map_err(|_| "not a number")?;
                Ok((depth + 1).to_string())
            }
            Err(Error::LimitExceeded(_)) => Ok("1".to_owned()),
            Err(Error::NotFound) => Err("not found".to_owned()),
            Err(Error::Denied(text) | Error::Failed(text)) => Err(text),
        }
    }
}

writ_hostile::tool!(ToolRecursion);
