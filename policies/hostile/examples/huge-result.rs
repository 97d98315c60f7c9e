//! Answers with 2 MiB of annotations.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

struct HugeResult;

impl Rule for HugeResult {
    const NAME: &str = "huge-result";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let padding = "x".repeat(2 << 20);
        Ok(allow(format!(r#"{{"padding":"{padding}"}}"#)))
    }
}

writ_hostile::guest!(HugeResult);
