//! Sleeps an hour inside of a host call, where neither fuel nor the deadline of guest code counts.
#![allow(missing_docs, unsafe_code)]

use wasip2::clocks::monotonic_clock;
use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

const HOUR_NS: u64 = 3_600_000_000_000;

struct WaitInHostCall;

impl Rule for WaitInHostCall {
    const NAME: &str = "wait-in-host-call";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        monotonic_clock::subscribe_duration(HOUR_NS).block();
        Ok(allow("{}"))
    }
}

writ_hostile::guest!(WaitInHostCall);
