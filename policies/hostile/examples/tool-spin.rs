//! Stores how often it could look before a timer was ready, which no two runs agree on, and asks
//! people: when it runs again, it does not do what it had done before.
#![allow(missing_docs, unsafe_code)]

use wasip2::clocks::monotonic_clock::subscribe_duration;
use writ_hostile::bindings::writ::host::storage;
use writ_hostile::{Json, ToolRule, ask};

struct ToolSpin;

impl ToolRule for ToolSpin {
    const NAME: &str = "tool-spin";

    fn call(_arguments: Json) -> Result<Json, String> {
        let timer = subscribe_duration(5_000_000);
        let mut looks = 0_u64;
        while !timer.ready() {
            looks += 1;
        }
        storage::set("looks", looks.to_string().as_bytes(), None).map_err(|_| "not stored")?;
        ask("user:tess")?;
        Ok(looks.to_string())
    }
}

writ_hostile::tool!(ToolSpin);
