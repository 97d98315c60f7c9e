//! Takes one timer handle after the other from WASI and gives none back.
#![allow(missing_docs, unsafe_code)]

use wasip2::clocks::monotonic_clock;
use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule};

struct ResourceFlood;

impl Rule for ResourceFlood {
    const NAME: &str = "resource-flood";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        loop {
            std::mem::forget(monotonic_clock::subscribe_duration(u64::MAX));
        }
    }
}

writ_hostile::guest!(ResourceFlood);
