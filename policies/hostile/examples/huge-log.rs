//! Logs without end, in lines of 1 KiB.
#![allow(missing_docs, unsafe_code)]

use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::bindings::writ::host::log::{Level, log};
use writ_hostile::{Request, Rule};

struct HugeLog;

impl Rule for HugeLog {
    const NAME: &str = "huge-log";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let line = "x".repeat(1 << 10);
        loop {
            log(Level::Info, &line);
        }
    }
}

writ_hostile::guest!(HugeLog);
