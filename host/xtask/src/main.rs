//! Chores of the repository: `cargo xtask COMMAND`.
//!
//! Each command is a file of its own. Nothing here is linked into the host, so heavy dependencies
//! (binding generators, the component encoder) stay out of it.

mod bench;
mod bindings;
mod ci;
mod deny;
mod guests;
mod layers;
mod metadata;
mod packages;
mod postgres;
mod registry;
mod repo;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Writ repository")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and write the figures as ratios into `BENCHMARKS.md`.
    Bench(bench::Options),
    /// Generate the guests' bindings from `wit/`.
    Bindings {
        /// Only say whether the committed bindings are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Check formatting, layers, lints and dependencies, then do all that `test` does.
    Ci,
    /// Check licences, sources and advisories of dependencies.
    Deny,
    /// Kill hosts at random points of the road, on both databases, over and over.
    KillRuns(ci::KillRuns),
    /// Check that the layers hold.
    Layers,
    /// Change a host's policy set all the time while it is asked, and look what becomes of it.
    Soak(ci::Soak),
    /// Install what the tests need, build the guests, run every test.
    Test,
    /// Build the guests: the starter policies and the ones that misbehave.
    Guests(guests::Options),
}

fn main() -> ExitCode {
    let repo = repo::Repo::locate();
    let result = match Args::parse().command {
        Command::Bench(options) => bench::run(&repo, &options),
        Command::Bindings { check } => bindings::run(&repo, check),
        Command::Ci => ci::ci(&repo),
        Command::Deny => deny::check(&repo),
        Command::KillRuns(options) => ci::kill_runs(&repo, &options),
        Command::Layers => layers::run(&repo),
        Command::Soak(options) => ci::soak(&repo, &options),
        Command::Test => ci::test(&repo),
        Command::Guests(options) => guests::run(&repo, &options).map(drop),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = error.chain().map(ToString::to_string).collect::<Vec<_>>();
            eprintln!("error: {}", causes.join("\n  because: "));
            ExitCode::FAILURE
        }
    }
}
