//! Never comes back from `evaluate`.
#![allow(missing_docs, unsafe_code)]

use std::hint::black_box;

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule};

struct LoopInEvaluate;

impl Rule for LoopInEvaluate {
    const NAME: &str = "loop-in-evaluate";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}

writ_hostile::guest!(LoopInEvaluate);
