//! `writ keys`: who may call, made, listed and ended; on the data directory, or on a running server.

mod host;
mod rotation;

use std::io::IsTerminal;

use clap::Subcommand;
use writ_core::{KeyId, Role};

use super::exit::{Exit, Failure};
use super::lifetime;
use super::place::ReportArgs;
use super::remote::{LimitArgs, MORE};
use super::text;
use crate::config::Environment;
use crate::http::keys::{IssuedReply, KeyBody, KeyReply, Name};
use host::Host;

/// Make, list and end the keys with which callers say who they are
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, and print it this once
    Create(Create),
    /// List the keys, also those that have ended
    List(List),
    /// End a key
    Revoke(Revoke),
    /// Sign denials with a new key; the old one verifies until what it signed has ended
    RotateSigning(ReportArgs),
    /// Seal everything that is kept with the active key, while hosts serve
    RotateData(rotation::Args),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Whom the key names
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Name,
    /// What its bearer may do: `agent`, `approver`, `operator` or `auditor`; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true, value_delimiter = ',')]
    roles: Vec<Role>,
    /// A group that it is in; may be repeated
    #[arg(long = "group", value_name = "GROUP", value_parser = name)]
    groups: Vec<Name>,
    /// For how long, such as `90s`, `12h`, `30d` or `4w`; without it, the key does not expire
    #[arg(long, value_name = "TIME", value_parser = lifetime::seconds)]
    expires_in: Option<u64>,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The key's id: the part of it between the underscores
    #[arg(value_name = "ID")]
    id: KeyId,
    #[command(flatten)]
    report: ReportArgs,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    match args.command {
        Command::Create(args) => create(args, &environment).await?,
        Command::List(args) => list(&args, &environment).await?,
        Command::Revoke(args) => revoke(args, &environment).await?,
        Command::RotateData(args) => rotation::run(args, &environment).await?,
        Command::RotateSigning(report) => rotate_signing(&report, &environment).await?,
    }
    Ok(Exit::Permitted)
}

async fn create(args: Create, environment: &Environment) -> Result<(), Failure> {
    let Create { name, roles, groups, expires_in, report } = args;
    let body = KeyBody { name, roles, groups, expires_in_seconds: expires_in };
    let host = Host::open_or_make(&report.place, environment).await?;
    let created = host.create(body).await;
    host.close().await?;
    let IssuedReply { key, kept } = created?;
    if report.json {
        return text::json_to_stdout(&IssuedReply { key, kept });
    }
    text::to_stdout(&format!("{key}\n"))?;
    // For whoever reads along: what a script reads is the key alone.
    if std::io::stdout().is_terminal() {
        text::to_stderr(&format!("{}It is shown this once: keep it.\n", row(&kept)));
    }
    Ok(())
}

async fn list(args: &List, environment: &Environment) -> Result<(), Failure> {
    let List { limit: LimitArgs { limit }, report } = args;
    let host = Host::open(&report.place, environment).await?;
    let keys = host.list().await;
    host.close().await?;
    let mut keys = keys?;
    // They come all at once: a host has few.
    let is_more = keys.items.len() > *limit as usize;
    keys.items.truncate(*limit as usize);
    if report.json {
        return text::json_to_stdout(&keys);
    }
    match keys.items.as_slice() {
        [] => text::to_stdout("There is no key.\n"),
        items => {
            let rows: String = items.iter().map(row).collect();
            text::to_stdout(&(rows + if is_more { MORE } else { "" }))
        }
    }
}

async fn revoke(args: Revoke, environment: &Environment) -> Result<(), Failure> {
    let Revoke { id, report } = args;
    let host = Host::open(&report.place, environment).await?;
    let revoked = host.revoke(id).await;
    host.close().await?;
    revoked?;
    match report.json {
        true => {
            text::json_to_stdout(&serde_json::json!({ "id": id.as_str(), "status": "revoked" }))
        }
        false => text::to_stdout(&format!("{id} is revoked\n")),
    }
}

async fn rotate_signing(report: &ReportArgs, environment: &Environment) -> Result<(), Failure> {
    let host = Host::open(&report.place, environment).await?;
    let rotated = host.rotate_signing().await;
    host.close().await?;
    let rotated = rotated?;
    match report.json {
        true => text::json_to_stdout(&rotated),
        false => text::to_stdout(&format!("denials are signed with {}\n", rotated.kid)),
    }
}

fn row(key: &KeyReply) -> String {
    let roles: Vec<_> = key.roles.iter().map(|role| role.as_str()).collect();
    let status = match (key.status.as_str(), key.expires_at_ms) {
        ("valid", Some(at)) => format!("for {}", lifetime::left(at)),
        (status, _) => status.to_owned(),
    };
    let groups = match key.groups.as_slice() {
        [] => String::new(),
        groups => format!("; in {}", groups.join(", ")),
    };
    text::row(&key.id, format_args!("{}: {}; {status}{groups}", key.name, roles.join(", ")))
}

fn name(text: &str) -> Result<Name, String> {
    text.to_owned().try_into()
}
