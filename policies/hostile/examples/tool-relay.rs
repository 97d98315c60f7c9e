//! Calls the one tool that it is granted, with its own arguments, and gives what that gives: under several
//! names it is a chain of calls.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::tool_bindings::writ::host::tools::{self, Error};
use writ_hostile::{Json, ToolRule};

struct ToolRelay;

impl ToolRule for ToolRelay {
    const NAME: &str = "tool-relay";

    fn call(arguments: Json) -> Result<Json, String> {
        let granted = tools::search("", 1);
        let next = granted.first().ok_or("nothing is granted")?;
        tools::call(&next.name, &arguments).map_err(|error| match error {
            Error::NotFound => "not found".to_owned(),
            Error::Denied(text) | Error::Failed(text) | Error::LimitExceeded(text) => text,
        })
    }
}

writ_hostile::tool!(ToolRelay);
