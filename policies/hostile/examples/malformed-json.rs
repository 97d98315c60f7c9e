//! Amends the action with text that is no JSON.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::{Decision, Verdict};
use writ_hostile::{Request, Rule, decide};

struct MalformedJson;

impl Rule for MalformedJson {
    const NAME: &str = "malformed-json";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        Ok(decide(Verdict::Amend("{not json".to_owned())))
    }
}

writ_hostile::guest!(MalformedJson);
