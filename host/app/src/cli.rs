//! The command line. Answers go to standard output, errors and logs to standard error.

mod approvals;
mod audit;
mod backtest;
mod channels;
mod check;
mod dead_letters;
mod decisions;
mod engine;
mod eval;
mod executions;
mod exit;
mod greeting;
mod input;
mod inspect;
mod keys;
mod lifetime;
mod migrate;
mod place;
mod policy;
mod receipt;
mod remote;
mod serve;
mod test;
mod text;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Environment, environment};
use crate::telemetry::{LogConfig, log};
pub use exit::Exit;
use exit::Failure;

/// A sandboxed WebAssembly policy host for AI agents
#[derive(Debug, Parser)]
#[command(name = "writ", version, after_help = exit::HELP, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Worker(worker::Args),
    Eval(eval::Args),
    Check(check::Args),
    Inspect(inspect::Args),
    Test(test::Args),
    Policy(policy::Args),
    Keys(keys::Args),
    Executions(executions::Args),
    Approvals(approvals::Args),
    Audit(audit::Args),
    Decisions(decisions::Args),
    Receipt(receipt::Args),
    Migrate(migrate::Args),
    Channels(channels::Args),
    DeadLetters(dead_letters::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    // The child that compiles is this very binary: it starts nothing else.
    if environment::first_argument().is_some_and(|argument| argument == engine::COMPILE) {
        return writ_engine::run_compile_child();
    }
    match Cli::try_parse() {
        Ok(cli) => finish(run(cli.command)),
        Err(error) => {
            // Help and version are no errors, and go to standard output. A closed stream is none.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage.into() } else { Exit::Permitted.into() }
        }
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    let environment = Environment::read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("threads cannot be started: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Serve(args) => serve::run(args, environment).await,
            Command::Worker(args) => worker::run(args, environment).await,
            Command::Eval(args) => eval::run(args, environment).await,
            Command::Check(args) => check::run(args).await,
            Command::Inspect(args) => inspect::run(args, environment).await,
            Command::Test(args) => test::run(args, environment).await,
            Command::Policy(args) => policy::run(args, environment).await,
            Command::Keys(args) => keys::run(args, environment).await,
            Command::Executions(args) => executions::run(args, environment).await,
            Command::Approvals(args) => approvals::run(args, environment).await,
            Command::Audit(args) => audit::run(args, environment).await,
            Command::Decisions(args) => decisions::run(args, environment).await,
            Command::Receipt(args) => receipt::run(args, environment).await,
            Command::Migrate(args) => migrate::run(args, environment).await,
            Command::Channels(args) => channels::run(args, environment).await,
            Command::DeadLetters(args) => dead_letters::run(args, environment).await,
        }
    })
}

fn finish(result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            text::to_stderr(&format!("error: {failure}\n"));
            failure.exit.into()
        }
    }
}

/// Commands that are not servers log warnings only: what a policy logs at a lower level would
/// stand between their lines.
fn log_warnings() -> Result<(), Failure> {
    let config = LogConfig { level: "warn".into(), ..LogConfig::default() };
    log::init(&config).map_err(Failure::internal)
}
