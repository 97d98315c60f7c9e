//! Reads variables, arguments, clocks and random numbers through WASI, and says what it saw.
#![allow(missing_docs, unsafe_code)]

use wasip2::cli::environment::{get_arguments, get_environment};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::random::random::get_random_u64;
use writ_hostile::bindings::exports::writ::host::policy::Decision;
use writ_hostile::{Request, Rule, allow};

struct WasiEnvironment;

impl Rule for WasiEnvironment {
    const NAME: &str = "wasi-environment";

    fn evaluate(_request: Request) -> Result<Decision, String> {
        let (variables, arguments) = (get_environment().len(), get_arguments().len());
        let (seconds, now) = (wall_clock::now().seconds, monotonic_clock::now());
        let random = get_random_u64();
        Ok(allow(format!(
            r#"{{"variables":{variables},"arguments":{arguments},"seconds":{seconds},"now":"{now}","random":"{random}"}}"#
        )))
    }
}

writ_hostile::guest!(WasiEnvironment);
