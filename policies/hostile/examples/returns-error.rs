//! Answers with an error, with text that no caller should read.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule};

struct ReturnsError;

impl Rule for ReturnsError {
    const NAME: &str = "returns-error";

    fn evaluate(request: Request) -> Result<Decision, String> {
        Err(format!("leaked: {}", request.subject.id))
    }
}

writ_hostile::guest!(ReturnsError);
