//! Draws random before and after it asks people, and gives both: it would guess what others draw, and
//! departs from its journal where it draws otherwise when it runs again.
#![allow(missing_docs, unsafe_code)]

use wasip2::random::random::get_random_u64;
use writ_hostile::bindings::writ::host::storage;
use writ_hostile::{Json, ToolRule, ask};

struct ToolRandom;

impl ToolRule for ToolRandom {
    const NAME: &str = "tool-random";

    fn call(_arguments: Json) -> Result<Json, String> {
        let first = get_random_u64();
        storage::set("drawn", first.to_string().as_bytes(), None).map_err(|_| "not stored")?;
        ask("user:tess")?;
        Ok(format!("[\"{first}\",\"{}\"]", get_random_u64()))
    }
}

writ_hostile::tool!(ToolRandom);
