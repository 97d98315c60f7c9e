//! `writ channels`: whom a server tells what happens, and how far that has come.

use clap::Subcommand;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::remote::{Remote, ServerArgs, text_of};
use super::text;
use crate::config::Environment;
use crate::http::channels::PATH;

/// See how far a running server's channels have come, and give up those that nobody tells any more
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List channels, also those that no configuration has any more
    List,
    /// Give one up: what it had still to tell is not told, and no longer kept for it
    Forget(Name),
}

#[derive(Debug, clap::Args)]
struct Name {
    /// The channel's name
    name: String,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let remote = Remote::open(&server, &environment)?;
    match &command {
        Command::List => {
            let channels: Value = remote.get(&[PATH], &[]).await?;
            match server.json {
                true => text::json_to_stdout(&channels)?,
                false => text::to_stdout(&list(&channels))?,
            }
        }
        Command::Forget(Name { name }) => {
            remote.delete(&[PATH, name]).await?;
            if !server.json {
                text::to_stdout(&format!("The channel `{name}` is given up.\n"))?;
            }
        }
    }
    Ok(Exit::Permitted)
}

fn list(channels: &Value) -> String {
    let items = channels["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "There is no channel.\n".to_owned();
    }
    items.iter().map(line).collect()
}

fn line(channel: &Value) -> String {
    let state = match channel["configured"] == true {
        true => "",
        false => ", not in this server's configuration",
    };
    format!("{}  next event {}{state}\n", text_of(&channel["name"]), channel["next"])
}
