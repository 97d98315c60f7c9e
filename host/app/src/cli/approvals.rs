//! `writ approvals`: what people are asked on a server, and their answers.

use clap::Subcommand;
use serde_json::{Value, json};

use super::executions;
use super::exit::{Exit, Failure};
use super::remote::{LimitArgs, Remote, ServerArgs, more, text_of};
use super::text;
use crate::clock::rfc3339;
use crate::config::Environment;
use crate::http::approvals::PATH;

/// See and decide what people are asked by a running server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what asks you now, newest first
    List(List),
    /// Show one, with what waits for it
    Show(Show),
    /// Let the action go on
    Approve(Decide),
    /// Do not let the action go on
    Reject(Decide),
}

#[derive(Debug, clap::Args)]
struct List {
    /// `mine`, `answered` (by you), or for operators and auditors `pending` and `history`
    #[arg(long, default_value = "mine")]
    view: String,
    #[command(flatten)]
    limit: LimitArgs,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The approval's id
    id: String,
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The approval's id
    id: String,
    /// Why; some approvals require it
    #[arg(long)]
    reason: Option<String>,
    /// The stage that is answered, from 0; whoever has answered an earlier one must say it
    #[arg(long, value_name = "NUMBER")]
    stage: Option<u64>,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let remote = Remote::open(&server, &environment)?;
    let told = match &command {
        Command::List(List { view, limit }) => {
            remote.list(PATH, &[("view", view)], limit.limit).await?
        }
        Command::Show(Show { id }) => remote.get(&[PATH, id], &[]).await?,
        Command::Approve(decide) => answer(&remote, "approve", decide).await?,
        Command::Reject(decide) => answer(&remote, "reject", decide).await?,
    };
    if server.json {
        text::json_to_stdout(&told)?;
    } else {
        text::to_stdout(&match &command {
            Command::List(_) => list(&told),
            Command::Show(_) => whole(&told),
            Command::Approve(_) | Command::Reject(_) => both(&told),
        })?;
    }
    Ok(Exit::Permitted)
}

async fn answer(remote: &Remote, decision: &str, decide: &Decide) -> Result<Value, Failure> {
    let mut body = json!({ "decision": decision });
    if let Some(reason) = &decide.reason {
        body["reason"] = json!(reason);
    }
    let path = [PATH, &decide.id, "decision"];
    let Some(stage) = decide.stage else { return remote.post(&path, &body).await };
    let seen: Value = remote.get(&[PATH, &decide.id], &[]).await?;
    if seen["stage"].as_u64() != Some(stage) {
        let (id, asked) = (&decide.id, &seen["stage"]);
        let state = text_of(&seen["state"]);
        return Err(Failure::refused(format!(
            "stage {stage} of `{id}` is not asked now: it is {state}, stage {asked}\nhint: `writ approvals show {id}` tells what is asked"
        )));
    }
    let tag = format!("\"{}\"", seen["execution"]["version"]);
    remote.post_if_match(&path, &body, &tag).await
}

fn list(page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "There is none. What you have answered is under `--view answered`; operators and \
                auditors see what asks others under `--view pending`.\n"
            .to_owned();
    }
    items.iter().map(both).collect::<String>() + more(page)
}

/// What somebody has to know who decides it: why it is asked, until when, and all that waits for it.
fn whole(approval: &Value) -> String {
    let execution = &approval["execution"];
    let mut told = text::row("approval", text_of(&approval["id"]));
    if let Some(reason) = approval["requirement"].get("reason") {
        told.push_str(&text::row("reason", text_of(reason)));
    }
    if let Some(ends_ms) = approval["expires_at_ms"].as_u64() {
        told.push_str(&text::row("ends", rfc3339(ends_ms)));
    }
    told.push_str(&text::row("sent by", text_of(&execution["requester"])));
    told + &executions::one(execution)
}

fn both(approval: &Value) -> String {
    format!("{}\n  for {}\n", line(approval), executions::line(&approval["execution"]))
}

/// An approval on one line, and each vote on a line of its own.
pub(super) fn line(approval: &Value) -> String {
    let requirement = &approval["requirement"];
    let mut told = format!(
        "{}  {}  {}",
        text_of(&approval["id"]),
        text_of(&approval["state"]),
        text_of(&requirement["title"])
    );
    let stage = approval["stage"].as_u64().and_then(|stage| usize::try_from(stage).ok());
    if let Some(stage) = stage.and_then(|stage| requirement["stages"].get(stage)) {
        let asked = stage["approvers"].as_array().into_iter().flatten().map(text_of);
        let asked: Vec<_> = asked.collect();
        told.push_str(&format!("; {} of {}", stage["quorum"], asked.join(", ")));
    }
    for vote in approval["votes"].as_array().into_iter().flatten() {
        let reason = vote.get("reason").map(|reason| format!(": {}", text_of(reason)));
        told.push_str(&format!(
            "\n  {} by {}{}",
            text_of(&vote["decision"]),
            text_of(&vote["approver"]),
            reason.unwrap_or_default()
        ));
    }
    told
}
