//! Panics, which is how most honest mistakes end, too.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule};

struct Panic;

impl Rule for Panic {
    const NAME: &str = "panic";

    fn evaluate(request: Request) -> Result<Decision, String> {
        panic!("cannot decide about `{}`", request.action.name)
    }
}

writ_hostile::guest!(Panic);
