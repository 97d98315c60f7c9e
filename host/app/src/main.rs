//! The binary `writ`: see the library's `cli`.

fn main() -> std::process::ExitCode {
    writ::cli::main()
}
