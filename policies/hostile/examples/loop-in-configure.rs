//! Never comes back from `configure`, so it can never be activated.
#![allow(missing_docs, unsafe_code)]

use std::hint::black_box;

use writ_hostile::{Json, Rule};

struct LoopInConfigure;

impl Rule for LoopInConfigure {
    const NAME: &str = "loop-in-configure";

    fn configure(_settings: Json) -> Result<(), String> {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}

writ_hostile::guest!(LoopInConfigure);
