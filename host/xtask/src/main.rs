//! Chores of the repository: `cargo xtask COMMAND`.
//!
//! Each command is a file of its own. Nothing here is linked into the host, so heavy dependencies
//! (binding generators, the component encoder) stay out of it.

mod bindings;
mod guests;
mod metadata;
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
    /// Generate the guests' bindings from `wit/`.
    Bindings {
        /// Only say whether the committed bindings are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Build the guests: the starter policies and the ones that misbehave.
    Guests(guests::Options),
}

fn main() -> ExitCode {
    let repo = repo::Repo::locate();
    let result = match Args::parse().command {
        Command::Bindings { check } => bindings::run(&repo, check),
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
