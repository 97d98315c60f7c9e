//! Asks nobody, with a quorum of 0.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::writ::host::types::Requirement;
use writ_hostile::tool_bindings::writ::host::approvals::{self, Error};
use writ_hostile::{Json, ToolRule};

struct ToolBadRequirement;

impl ToolRule for ToolBadRequirement {
    const NAME: &str = "tool-bad-requirement";

    fn call(_arguments: Json) -> Result<Json, String> {
        let requirement = Requirement {
            title: "Pay".to_owned(),
            reason: String::new(),
            stages: Vec::new(),
            allow_self_approval: true,
            reason_required: false,
        };
        match approvals::request(&requirement) {
            Ok(_) => Ok("\"asked\"".to_owned()),
            Err(Error::Invalid(text) | Error::Denied(text) | Error::Unavailable(text)) => Err(text),
        }
    }
}

writ_hostile::tool!(ToolBadRequirement);
