//! Calls the host without end; each call by itself is cheap.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::bindings::writ::host::execution;
use writ_hostile::{Request, Rule};

struct HostCallFlood;

impl Rule for HostCallFlood {
    const NAME: &str = "host-call-flood";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        loop {
            execution::received_at();
        }
    }
}

writ_hostile::guest!(HostCallFlood);
