//! `writ dead-letters`: what a server has given up: events for channels, and calls of endpoints.

use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::remote::{LimitArgs, Remote, ServerArgs, more, text_of};
use super::text;
use crate::config::Environment;
use crate::http::dead_letters::PATH;

/// See what a running server could not send, to channels or endpoints, and send it again
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List dead letters, newest first
    List(LimitArgs),
    /// Send one again, under the id that it always had
    Redeliver(Id),
}

#[derive(Debug, clap::Args)]
struct Id {
    /// The dead letter's id
    id: String,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let remote = Remote::open(&server, &environment)?;
    let told: Value = match &command {
        Command::List(LimitArgs { limit }) => remote.list(PATH, &[], *limit).await?,
        Command::Redeliver(Id { id }) => remote.post(&[PATH, id, "redeliver"], &json!({})).await?,
    };
    if server.json {
        text::json_to_stdout(&told)?;
    } else {
        text::to_stdout(&match &command {
            Command::List(_) => list(&told),
            Command::Redeliver(Id { id }) if told["endpoint"].is_string() => {
                format!("Its endpoint is called again: see `writ executions show {id}`.\n")
            }
            Command::Redeliver(_) => "It was sent, and its receiver has confirmed.\n".to_owned(),
        })?;
    }
    Ok(Exit::Permitted)
}

fn list(page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "There is no dead letter.\n".to_owned();
    }
    items.iter().map(line).collect::<String>() + more(page)
}

fn line(letter: &Value) -> String {
    let unsent = match letter["endpoint"].as_str() {
        Some(endpoint) => format!("call of `{endpoint}`"),
        None => format!("event {} to `{}`", letter["sequence"], text_of(&letter["channel"])),
    };
    let (id, error) = (text_of(&letter["id"]), text_of(&letter["error"]));
    format!("{id}  {unsent}, {} attempts: {error}\n", letter["attempts"])
}
