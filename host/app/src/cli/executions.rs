//! `writ executions`: what runs on a server, and what became of it.

use clap::Subcommand;
use serde_json::{Value, json};
use writ_core::text::visible;

use super::exit::{Exit, Failure};
use super::remote::{LimitArgs, Remote, ServerArgs, more, text_of};
use super::text;
use crate::config::Environment;
use crate::http::executions::PATH;

/// See, call off, retry and resolve the executions of a running server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List executions, newest first
    List(List),
    /// Show one, with what people were asked
    Show(Id),
    /// Show what happened to one, oldest first
    Events(Id),
    /// Call one off before it begins
    Cancel(Cancel),
    /// Ask once more for one that has failed or expired, as a new execution
    Retry(Id),
    /// Say what became of one that began and was not answered for
    ResolveUnknown(Resolve),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this status
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
}

#[derive(Debug, clap::Args)]
struct Id {
    /// The execution's id
    id: String,
}

#[derive(Debug, clap::Args)]
struct Cancel {
    /// The execution's id
    id: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false)]
struct Outcome {
    /// It was carried out
    #[arg(long)]
    succeeded: bool,
    /// It was not carried out, or in vain, and why
    #[arg(long, value_name = "WHY")]
    failed: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Resolve {
    /// The execution's id
    id: String,
    #[command(flatten)]
    outcome: Outcome,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let remote = Remote::open(&server, &environment)?;
    let told = match &command {
        Command::List(List { status, limit }) => {
            let status = status.as_deref().map(|status| ("status", status));
            remote.list(PATH, status.as_slice(), limit.limit).await?
        }
        Command::Show(Id { id }) => remote.get(&[PATH, id], &[]).await?,
        Command::Events(Id { id }) => remote.get(&[PATH, id, "events"], &[]).await?,
        Command::Cancel(Cancel { id, reason }) => {
            let body = match reason {
                Some(reason) => json!({ "reason": reason }),
                None => json!({}),
            };
            remote.post(&[PATH, id, "cancel"], &body).await?
        }
        Command::Retry(Id { id }) => remote.post(&[PATH, id, "retry"], &json!({})).await?,
        Command::ResolveUnknown(Resolve { id, outcome }) => {
            let body = match &outcome.failed {
                Some(error) => json!({ "outcome": "failed", "error": error }),
                None => json!({ "outcome": "succeeded" }),
            };
            remote.post(&[PATH, id, "resolve"], &body).await?
        }
    };
    if server.json {
        text::json_to_stdout(&told)?;
    } else {
        text::to_stdout(&match &command {
            Command::List(_) => list(&told),
            Command::Events(_) => events(&told),
            Command::Show(_)
            | Command::Cancel(_)
            | Command::Retry(_)
            | Command::ResolveUnknown(_) => one(&told),
        })?;
    }
    Ok(Exit::Permitted)
}

fn list(page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "There is no execution.\n".to_owned();
    }
    let lines: String = items.iter().map(|item| format!("{}\n", line(item))).collect();
    lines + more(page)
}

/// An execution on one line.
pub(super) fn line(execution: &Value) -> String {
    format!(
        "{}  {:<17}  {} {} by {} {}",
        text_of(&execution["id"]),
        text_of(&execution["status"]),
        text_of(&execution["action"]["name"]),
        text_of(&execution["action"]["properties"]),
        text_of(&execution["subject"]["type"]),
        text_of(&execution["subject"]["id"]),
    )
}

/// An execution with everything that is told of it.
pub(super) fn one(execution: &Value) -> String {
    let mut told = text::row("execution", text_of(&execution["id"]));
    told.push_str(&text::row("status", text_of(&execution["status"])));
    let (subject, resource) = (&execution["subject"], &execution["resource"]);
    for (label, entity) in [("subject", subject), ("resource", resource)] {
        let (kind, id) = (text_of(&entity["type"]), text_of(&entity["id"]));
        told.push_str(&text::row(label, format_args!("{kind} {id}")));
    }
    let action = &execution["action"];
    let properties = text_of(&action["properties"]);
    told.push_str(&text::row("action", format_args!("{} {properties}", text_of(&action["name"]))));
    told.push_str(&text::row("digest", text_of(&execution["digest"])));
    for label in ["retry_of", "denial", "result", "error", "holder"] {
        if let Some(value) = execution.get(label) {
            told.push_str(&text::row(label, text_of(value)));
        }
    }
    for approval in execution["approvals"].as_array().into_iter().flatten() {
        told.push_str(&text::row("approval", super::approvals::line(approval)));
    }
    told
}

fn events(page: &Value) -> String {
    let line = |event: &Value| {
        let mut rest = event.as_object().cloned().unwrap_or_default();
        for shown in ["sequence", "at_ms", "execution", "kind", "hash"] {
            rest.remove(shown);
        }
        format!(
            "{:>8}  {:<30} {}\n",
            event["sequence"],
            text_of(&event["kind"]),
            visible(&Value::Object(rest).to_string())
        )
    };
    page["items"].as_array().into_iter().flatten().map(line).collect()
}
