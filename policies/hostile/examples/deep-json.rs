//! Amends the action with JSON that is 10,000 arrays deep: a parser's stack, not its memory.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::{Decision, Verdict};
use writ_hostile::{Request, Rule, decide};

const DEPTH: usize = 10_000;

struct DeepJson;

impl Rule for DeepJson {
    const NAME: &str = "deep-json";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let nested = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
        Ok(decide(Verdict::Amend(format!(r#"{{"deep":{nested}}}"#))))
    }
}

writ_hostile::guest!(DeepJson);
