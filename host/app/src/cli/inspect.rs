//! `writ inspect`: a policy set as it would decide.

use serde_json::{Value, json};
use writ_core::Limits;

use super::check;
use super::engine;
use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::text::{self, lines, row};
use crate::config::Environment;
use crate::policy_set::{self, Bound, Snapshot};

/// Load a policy set, and tell what it holds in the order in which it is evaluated
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let config = args.config.load(&environment, None)?;
    let engine = engine::for_command(&config)?;
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(&engine, &config.policies, bytes_max).await?;
    match args.json {
        true => text::json_to_stdout(&machine(&snapshot))?,
        false => text::to_stdout(&human(&snapshot))?,
    }
    Ok(Exit::Permitted)
}

fn machine(snapshot: &Snapshot) -> Value {
    let binding = |bound: &Bound| {
        json!({
            "name": bound.binding.name,
            "source": bound.source.to_string(),
            "component": bound.image.component_digest(),
            "image": bound.image.digest(),
            "order": bound.order,
            "match": bound.matches,
            "mode": bound.binding.mode,
            "commit": bound.binding.commit,
            "limits": bound.image.limits(),
            "imports": bound.image.imports(),
            "preinitialised": bound.image.preinitialised(),
            "description": check::description(bound.image.description()),
        })
    };
    let bindings: Vec<_> = snapshot.bindings.iter().map(binding).collect();
    json!({ "policy_set": snapshot.digest, "bindings": bindings })
}

fn human(snapshot: &Snapshot) -> String {
    let mut text = format!("policy set {}\n", snapshot.digest);
    for (position, bound) in snapshot.bindings.iter().enumerate() {
        text += &format!("\n{}. {}\n", position + 1, bound.binding.name);
        text += &self::binding(bound);
    }
    if snapshot.bindings.is_empty() {
        text += "It binds no policy, so it denies everything.\n";
    }
    text
}

fn binding(bound: &Bound) -> String {
    let description = bound.image.description();
    let globs = bound.matches.iter().map(|(part, globs)| format!("{part}: {}", globs.join(", ")));
    [
        row(
            "policy",
            format_args!("{} {}\n{}", description.name, description.version, description.summary),
        ),
        row("source", &bound.source),
        row("component", bound.image.component_digest()),
        row("image", bound.image.digest()),
        row("match", if bound.matches.is_empty() { "every request".into() } else { lines(globs) }),
        row("mode", word(bound.binding.mode)),
        row("commit", word(bound.binding.commit)),
        row("order", bound.order),
        row("imports", lines(bound.image.imports())),
        row("limits", limits(bound.image.limits())),
    ]
    .concat()
}

/// The limits that are not the defaults.
fn limits(limits: &Limits) -> String {
    let value = |limits: &Limits| serde_json::to_value(limits).expect("limits are plain numbers");
    let (own, defaults) = (value(limits), value(&Limits::default()));
    let own = own.as_object().into_iter().flatten();
    let changed: Vec<_> = own
        .filter(|(name, value)| defaults.get(name.as_str()) != Some(value))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    if changed.is_empty() { "all as by default".into() } else { lines(changed) }
}

/// The word that stands for a value in a configuration.
fn word(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).expect("it is a word");
    value.as_str().unwrap_or_default().to_owned()
}
