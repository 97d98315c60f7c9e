//! Allows, with annotations that are JSON but no object.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

struct BadAnnotations;

impl Rule for BadAnnotations {
    const NAME: &str = "bad-annotations";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        Ok(allow(r#"["not", "an", "object"]"#))
    }
}

writ_hostile::guest!(BadAnnotations);
