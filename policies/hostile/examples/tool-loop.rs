//! Never comes back from `call`.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::{Json, ToolRule};

struct ToolLoop;

impl ToolRule for ToolLoop {
    const NAME: &str = "tool-loop";

    fn call(_arguments: Json) -> Result<Json, String> {
        let mut number = 0_u64;
        loop {
            number = std::hint::black_box(number.wrapping_add(1));
        }
    }
}

writ_hostile::tool!(ToolLoop);
