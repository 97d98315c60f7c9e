//! Denies with a reason of 2,001 characters, one more than the contract allows.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::{Decision, Verdict};
use writ_hostile::{Request, Rule, decide};

struct LongReason;

impl Rule for LongReason {
    const NAME: &str = "long-reason";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        Ok(decide(Verdict::Deny("x".repeat(2_001))))
    }
}

writ_hostile::guest!(LongReason);
