//! The process that compiles, for this crate's own tests and benches. Hosts use the subcommand of
//! their own binary, see `writ_engine::run_compile_child`.

use std::process::ExitCode;

fn main() -> ExitCode {
    writ_engine::run_compile_child()
}
