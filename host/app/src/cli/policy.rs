//! `writ policy`: the policy set of a running server.

use clap::Subcommand;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::remote::{Remote, ServerArgs, text_of};
use super::text::{self, row};
use crate::config::Environment;
use crate::http::policies::{RELOAD, STATUS};

/// See by which policy set a running server decides, and have its files read again
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell which set decides, since when, and why the last reload failed, if it did
    Status,
    /// Read the set's files again, test what they say, and decide by it
    Reload,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let remote = Remote::open(&server, &environment)?;
    let told: Value = match command {
        Command::Status => remote.get(&[STATUS], &[]).await?,
        Command::Reload => remote.post(&[RELOAD], &json!({})).await?,
    };
    match server.json {
        true => text::json_to_stdout(&told)?,
        false => text::to_stdout(&human(&told))?,
    }
    Ok(Exit::Permitted)
}

fn human(status: &Value) -> String {
    let mut text = match status["outcome"].as_str() {
        Some("activated") => "Another policy set decides.\n".to_owned(),
        Some(_) => "The policy set is as it was.\n".to_owned(),
        None => String::new(),
    };
    let by = |of: &Value| match of["by"].as_str() {
        Some(by) => format!("{}, by {by}", text_of(&of["trigger"])),
        None => text_of(&of["trigger"]),
    };
    text += &row("policy set", text_of(&status["policy_set"]));
    text += &row("since", format_args!("{} ({})", text_of(&status["since"]), by(status)));
    text += &row("bindings", &status["bindings"]);
    text += &row("cases", &status["cases"]);
    if let Some(sections) = status["needs_restart"].as_array() {
        let sections: Vec<_> = sections.iter().map(text_of).collect();
        text += &row("needs restart", sections.join(", "));
    }
    let failure = &status["failure"];
    if failure.is_object() {
        let (at, phase) = (text_of(&failure["at"]), text_of(&failure["phase"]));
        let head = format!("{at} ({}), in {phase}", by(failure));
        text += &row("failed", format_args!("{head}\n{}", text_of(&failure["reason"])));
    }
    text
}
