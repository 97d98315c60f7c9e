//! `writ policy`: the policy set of a running server.

mod create;
mod rollout;
mod signatures;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Map, Value};
use writ_core::LoadLimits;
use writ_core::text::visible;

use super::backtest;
use super::exit::{Exit, Failure};
use super::input;
use super::remote::{LimitArgs, Remote, ServerArgs, more, text_of};
use super::text::{self, row};
use crate::config::Environment;
use crate::http::components::{PATH as COMPONENTS, SIGNATURE};
use crate::http::policies::{RELOAD, STATUS};
use crate::http::policy_sets::{PATH, ROLLBACK};
use crate::registry::PinnedReference;

/// How large a component may be that is sent, in bytes: as large as any server can be told to take.
const SENT_BYTES_MAX: usize = 256 << 20;

/// See by which policy set a running server decides, have it decide by another, and sign policies
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Any,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Any {
    /// What a server does.
    #[command(flatten)]
    Server(Command),
    /// What is done here.
    #[command(flatten)]
    Here(signatures::Command),
    /// Tell what another set would have decided of what was decided
    Backtest(backtest::Args),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell which set decides, since when, and why the last reload failed, if it did
    Status,
    /// Read the set's files again, test what they say, and decide by it
    Reload(Comment),
    /// Put a policy into the server's store, after every check: bind it then by its digest
    Push(Push),
    /// Make a version of what a configuration's bindings say, once its cases hold; it does not decide yet
    Create(create::Create),
    /// List the policies in the server's store, by digest
    Components(LimitArgs),
    /// List versions, newest first
    List(LimitArgs),
    /// Show one version: what it binds, with which settings
    Show(Number),
    /// Tell what differs from one version to another
    Diff(Numbers),
    /// Have a version decide, on every host that shares the store
    Activate(Activate),
    /// Have the version decide that did before the one that does
    Rollback(Comment),
    /// Ask a version on the side about what the active one decides: it never answers
    Shadow(rollout::Shadow),
    /// Have a version decide for some, until it is promoted, stopped or found wanting
    Canary(rollout::Canary),
}

#[derive(Debug, clap::Args)]
struct Push {
    /// A component: a file, `-` for standard input, `builtin:NAME`, or `oci:HOST/NAME@sha256:...`, which
    /// the server pulls from a registry
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// The file of its signature, which must be by a key that the server trusts
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Comment {
    /// Why, for everybody who looks later
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Activate {
    #[command(flatten)]
    version: Number,
    #[command(flatten)]
    comment: Comment,
}

#[derive(Debug, clap::Args)]
struct Number {
    /// The version's number
    number: u64,
}

#[derive(Debug, clap::Args)]
struct Numbers {
    /// The first version's number
    from: u64,
    /// The second version's number
    to: u64,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    let Args { command, server } = args;
    let command = match command {
        Any::Server(command) => command,
        Any::Here(command) => return command.run(&environment, server.json),
        Any::Backtest(args) => return backtest::run(args, &server, environment).await,
    };
    let remote = Remote::open(&server, &environment)?;
    let told: Value = match &command {
        Command::Status => remote.get(&[STATUS], &[]).await?,
        Command::Reload(comment) => remote.post(&[RELOAD], &comment.body()).await?,
        Command::Rollback(comment) => remote.post(&[ROLLBACK], &comment.body()).await?,
        Command::Push(push) => push.send(&remote).await?,
        Command::Create(create) => create.run(&remote).await?,
        Command::Components(LimitArgs { limit }) => remote.list(COMPONENTS, &[], *limit).await?,
        Command::List(LimitArgs { limit }) => remote.list(PATH, &[], *limit).await?,
        Command::Show(Number { number }) => remote.get(&[PATH, &number.to_string()], &[]).await?,
        Command::Activate(Activate { version: Number { number }, comment }) => {
            remote.post(&[PATH, &number.to_string(), "activate"], &comment.body()).await?
        }
        Command::Shadow(shadow) => shadow.run(&remote).await?,
        Command::Canary(canary) => canary.run(&remote).await?,
        Command::Diff(Numbers { from, to }) => {
            remote.get(&[PATH, &from.to_string(), "diff", &to.to_string()], &[]).await?
        }
    };
    if server.json {
        text::json_to_stdout(&told)?;
        return Ok(Exit::Permitted);
    }
    text::to_stdout(&match command {
        Command::Status | Command::Reload(_) | Command::Rollback(_) | Command::Activate(_) => {
            human(&told)
        }
        Command::Push(_) => pushed(&told),
        Command::Create(_) => create::created(&told),
        Command::Components(_) => components(&told),
        Command::List(_) => list(&told),
        Command::Show(_) => version(&told),
        Command::Diff(_) => diff(&told),
        Command::Shadow(shadow) => shadow.text(&told),
        Command::Canary(canary) => canary.text(&told),
    })?;
    Ok(Exit::Permitted)
}

impl Comment {
    fn body(&self) -> Value {
        let mut body = Map::new();
        self.add_to(&mut body);
        body.into()
    }

    fn add_to(&self, body: &mut Map<String, Value>) {
        if let Some(comment) = &self.comment {
            body.insert("comment".into(), comment.as_str().into());
        }
    }
}

impl Push {
    async fn send(&self, remote: &Remote) -> Result<Value, Failure> {
        let signature = self.signature.as_deref().map(signatures::signature).transpose()?;
        if PinnedReference::is_meant(&self.component) {
            let reference = self.component.parse().map_err(Failure::refused)?;
            return refer(remote, &reference, signature).await;
        }
        // How large it may be is the server's to say.
        let limits = LoadLimits { component_bytes_max: SENT_BYTES_MAX, ..Default::default() };
        let (_, bytes) = input::component(&self.component, &limits)?;
        send(remote, bytes, signature).await
    }
}

/// Puts a component into the server's store.
async fn send(
    remote: &Remote,
    component: Vec<u8>,
    signature: Option<String>,
) -> Result<Value, Failure> {
    let signature = signature.map(|text| (SIGNATURE, STANDARD.encode(text)));
    remote.post_bytes(&[COMPONENTS], "application/wasm", signature, component).await
}

/// Has the server pull a component, which takes as long as if it were sent.
async fn refer(
    remote: &Remote,
    reference: &PinnedReference,
    signature: Option<String>,
) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("reference".into(), reference.to_string().into());
    body.extend(signature.map(|text| ("signature".to_owned(), text.into())));
    let body = Value::from(body).to_string().into_bytes();
    remote.post_bytes(&[COMPONENTS], "application/json", None, body).await
}

fn pushed(policy: &Value) -> String {
    let digest = text_of(&policy["id"]);
    format!("{}Bind it with `source = \"{digest}\"`.\n", component(policy))
}

fn components(page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().map(component).collect::<String>() + more(page)
}

fn component(policy: &Value) -> String {
    let [digest, name, version] = ["id", "name", "version"].map(|key| text_of(&policy[key]));
    let keys = policy["signed_by"].as_array().map_or(&[][..], Vec::as_slice);
    let keys: Vec<_> = keys.iter().map(text_of).collect();
    let signed =
        if keys.is_empty() { String::new() } else { format!("  signed by {}", keys.join(", ")) };
    let from =
        policy["reference"].as_str().map(|reference| format!("  from {}", visible(reference)));
    format!("{digest}  {name} {version}{signed}{}\n", from.unwrap_or_default())
}

fn list(page: &Value) -> String {
    let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
    items.iter().map(line).collect::<String>() + more(page)
}

fn line(version: &Value) -> String {
    let active = if version["active"] == true { "  (decides)" } else { "" };
    let by = by(&version["trigger"], &version["author"]);
    let (at, set) = (text_of(&version["created_at"]), text_of(&version["policy_set"]));
    let mut text = format!("{}  {at}{by}  {set}{active}\n", version["id"]);
    if let Some(comment) = version["comment"].as_str() {
        text += &format!("    {}\n", visible(comment));
    }
    let activated = &version["activated"];
    // What made a new version decide is what led to it.
    if activated.is_object() && activated["at"] != version["created_at"] {
        let (at, by) =
            (text_of(&activated["at"]), self::by(&activated["trigger"], &activated["by"]));
        let comment = activated["comment"].as_str().map(|text| format!(": {}", visible(text)));
        text += &format!("    decides since {at}{by}{}\n", comment.unwrap_or_default());
    }
    text
}

/// Who led to something, or what.
fn by(trigger: &Value, person: &Value) -> String {
    match (trigger.as_str(), person.as_str()) {
        (_, Some(person)) => format!(" by {}", visible(person)),
        (Some("file"), None) => " by files".to_owned(),
        (Some(trigger), None) => format!(" by {}", visible(trigger)),
        (None, None) => String::new(),
    }
}

fn version(version: &Value) -> String {
    let mut text = line(version);
    for binding in version["bindings"].as_array().into_iter().flatten() {
        text += &format!("\n{}\n", text_of(&binding["name"]));
        for key in ["source", "component", "match", "settings", "mode", "commit", "order"] {
            text += &row(key, text_of(&binding[key]));
        }
    }
    text
}

fn diff(diff: &Value) -> String {
    let mut text = String::new();
    for (key, sign) in [("added", '+'), ("removed", '-')] {
        for name in diff[key].as_array().into_iter().flatten() {
            text += &format!("{sign} {}\n", text_of(name));
        }
    }
    for binding in diff["changed"].as_array().into_iter().flatten() {
        text += &format!("~ {}\n", text_of(&binding["name"]));
        for change in binding["changes"].as_array().into_iter().flatten() {
            let side = |key: &str| change.get(key).map_or("nothing".to_owned(), Value::to_string);
            let pointer = text_of(&change["pointer"]);
            text += &format!("    {pointer}: {} -> {}\n", side("from"), side("to"));
        }
    }
    if diff["reordered"] == true {
        text += "The bindings are evaluated in another order.\n";
    }
    if text.is_empty() { "Nothing differs.\n".to_owned() } else { text }
}

fn human(status: &Value) -> String {
    let mut text = match status["outcome"].as_str() {
        Some("activated") => "Another policy set decides.\n".to_owned(),
        Some(_) if status["comment_kept"] == false => {
            "The policy set is as it was, and the comment is not kept.\n".to_owned()
        }
        Some(_) => "The policy set is as it was.\n".to_owned(),
        None => String::new(),
    };
    let by = |of: &Value| match of["by"].as_str() {
        Some(by) => format!("{}, by {by}", text_of(&of["trigger"])),
        None => text_of(&of["trigger"]),
    };
    text += &row("policy set", text_of(&status["policy_set"]));
    if status["version"].is_u64() {
        text += &row("version", &status["version"]);
    }
    text += &row("since", format_args!("{} ({})", text_of(&status["since"]), by(status)));
    if let Some(comment) = status["comment"].as_str() {
        text += &row("comment", visible(comment));
    }
    text += &row("bindings", &status["bindings"]);
    if let Some(shadows) = status["shadow_bindings"].as_array() {
        let shadows: Vec<_> = shadows.iter().map(text_of).collect();
        text += &row("on the side", shadows.join(", "));
    }
    text += &row("cases", &status["cases"]);
    if let Some(sections) = status["needs_restart"].as_array() {
        let sections: Vec<_> = sections.iter().map(text_of).collect();
        text += &row("needs restart", sections.join(", "));
    }
    let failure = &status["failure"];
    if failure.is_object() {
        let (at, phase) = (text_of(&failure["at"]), text_of(&failure["phase"]));
        let head = format!("{at} ({}), in {phase}", by(failure));
        let reason = failure["reason"].as_str().unwrap_or_default();
        let (reason, hint) = reason.split_once("\nhint: ").unwrap_or((reason, ""));
        text += &row("failed", format_args!("{head}\n{}", visible(reason)));
        if !hint.is_empty() {
            text += &format!("hint: {}\n", visible(hint));
        }
    }
    if status["rollout"].is_object() {
        text += &rollout::rollout(&status["rollout"]);
    }
    text
}
