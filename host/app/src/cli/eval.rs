//! `writ eval`: one request, decided without a server and without leaving anything behind.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use writ_core::text::visible;
use writ_core::{BindingName, Outcome, PolicyRecord, Request};

use super::engine;
use super::exit::{Exit, Failure};
use super::input::{self, ConfigArgs};
use super::text;
use crate::config::{Config, Environment};
use crate::http::json::{self, BodyError};
use crate::http::reply::DecisionReply;
use crate::http::wire::EvaluationBody;
use crate::policy_set::{self, Settings, Snapshot, Source};
use crate::service::ephemeral::Ephemeral;
use crate::service::{Answer, Meta, Records, Service};
use crate::telemetry::Metrics;

/// How large a request may be, in bytes.
const REQUEST_BYTES_MAX: u64 = 16 << 20;
/// How large settings may be, in bytes.
const SETTINGS_BYTES_MAX: u64 = 64 << 20;

/// Decide one request by a policy set, or by a single component
///
/// Nothing is stored: the decision is forgotten, and policies begin with empty storage.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Decide by this component alone, and not by a policy set: a file, or `builtin:NAME`
    #[arg(long, value_name = "COMPONENT", conflicts_with = "config")]
    component: Option<String>,
    /// The component's settings: JSON, or a file of it
    #[arg(long, value_name = "FILE|JSON", requires = "component")]
    settings: Option<String>,
    /// Print the answer as the server would give it
    #[arg(long, conflicts_with = "explain")]
    json: bool,
    /// Tell of every policy what it cost (fuel, calls of the host, time), and which were not asked
    #[arg(long)]
    explain: bool,
    /// The request, as AuthZEN 1.0 has it: a JSON file, or `-` for standard input
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let request = request(&args.request)?;
    let (config, snapshot) = match &args.component {
        Some(component) => single(&args, component, &environment).await?,
        None => set(&args, &environment).await?,
    };
    let bound: Vec<_> = snapshot.bindings.iter().map(|bound| bound.binding.name.clone()).collect();
    let answer = decide(&config, snapshot, request).await?;
    match (args.json, args.explain) {
        (true, _) => text::json_to_stdout(&DecisionReply::decided(&answer))?,
        (false, true) => text::to_stdout(&human(&answer, &explained(&answer, &bound)))?,
        (false, false) => text::to_stdout(&human(&answer, &asked(&answer)))?,
    }
    Ok(Exit::of(&answer.outcome))
}

fn request(path: &Path) -> Result<Request, Failure> {
    let text = input::text(path, REQUEST_BYTES_MAX)?;
    let body = json::read::<EvaluationBody>(text.as_bytes()).map_err(|error| {
        let name = path.display();
        match error {
            BodyError::Malformed(text) => {
                Failure::refused(format!("the request `{name}` is no JSON: {text}"))
            }
            BodyError::Invalid(field) => Failure::refused(format!(
                "the request `{name}` cannot be used: {}{}\n\
                 hint: a request is `{{\"subject\": {{\"type\", \"id\"}}, \"action\": {{\"name\"}}, \
                 \"resource\": {{\"type\", \"id\"}}}}`, each with `properties` where there are any, and `context`",
                place(&field.pointer),
                field.message
            )),
        }
    })?;
    Ok(body.into_request())
}

/// A place that is not the whole.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("`{pointer}` ") }
}

async fn set(args: &Args, environment: &Environment) -> Result<(Config, Snapshot), Failure> {
    let config = args.config.load(environment, None)?;
    let engine = engine::for_command(&config)?;
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(&engine, &config.policies, bytes_max).await?;
    Ok((config, snapshot))
}

async fn single(
    args: &Args,
    component: &str,
    environment: &Environment,
) -> Result<(Config, Snapshot), Failure> {
    let config = Config::bare(args.config.data_directory(environment))?;
    let engine = engine::for_command(&config)?;
    let (source, bytes) = input::component(component, &config.engine.load)?;
    let settings = match args.settings.as_deref() {
        Some(option) => self::settings(option)?,
        None => Settings::absent(&source),
    };
    let snapshot = policy_set::load_single(&engine, name(&source), (&source, &bytes), &settings)
        .await
        .map_err(Failure::refused)?;
    Ok((config, snapshot))
}

fn settings(option: &str) -> Result<Settings, Failure> {
    let parsed = match option.trim_start().starts_with(['{', '[', '"']) {
        true => Settings::parse("--settings", option),
        false => Settings::parse(option, &input::text(Path::new(option), SETTINGS_BYTES_MAX)?),
    };
    parsed.map_err(Failure::refused)
}

/// The component's own name where that is one for a binding.
fn name(source: &Source) -> BindingName {
    let text = match source {
        Source::Builtin(builtin) => builtin.name.to_owned(),
        Source::File(file) => {
            let stem = Path::new(file).file_stem().unwrap_or_default();
            stem.to_string_lossy().to_ascii_lowercase().replace('_', "-")
        }
        Source::Digest(digest) => digest.hex(),
        Source::Registry(reference) => reference.digest().hex(),
    };
    text.parse().unwrap_or_else(|_| "policy".parse().expect("it is a name"))
}

async fn decide(config: &Config, snapshot: Snapshot, request: Request) -> Result<Answer, Failure> {
    let records = Records::Ephemeral(Ephemeral::default());
    let service =
        Service::telling_shadows(snapshot, config.breaker, records, Arc::new(Metrics::new()));
    let active = service.active();
    service.decide(&active, request, Meta::default()).await.map_err(Failure::internal)
}

fn human(answer: &Answer, policies: &str) -> String {
    let code = answer.outcome.code().replace('-', " ");
    let mut text = match (&answer.outcome, answer.reason()) {
        (Outcome::ApprovalRequired(_), Some(reason)) => visible(&reason),
        (_, Some(reason)) => format!("{code}: {}", visible(&reason)),
        (_, None) => code,
    };
    text.push('\n');
    text.push_str(policies);
    if let Some(action) = &answer.amended {
        text.push_str(&text::row("amended", visible(action.properties.as_str())));
    }
    text.push_str(&text::row("policy set", answer.policy_set));
    text
}

/// What each policy said that was asked.
fn asked(answer: &Answer) -> String {
    let row = |record: &PolicyRecord| text::row(record.binding.as_str(), said(record));
    answer.policies.iter().map(row).collect()
}

/// What became of each policy of the set, in the order in which they are asked.
fn explained(answer: &Answer, bound: &[BindingName]) -> String {
    let row = |name: &BindingName| {
        let record = answer.policies.iter().find(|record| record.binding == *name);
        let told = match record {
            Some(record) => format!("{}\n{}", said(record), cost(record)),
            None => "not asked: its `match` is for other requests".to_owned(),
        };
        text::row(name.as_str(), told)
    };
    bound.iter().map(row).collect()
}

fn cost(record: &PolicyRecord) -> String {
    let PolicyRecord { fuel, host_calls, duration_us, .. } = record;
    format!("fuel {fuel}, calls of the host {host_calls}, {duration_us} µs")
}

fn said(record: &PolicyRecord) -> String {
    let mut said = record.verdict.clone();
    if let Some(fault) = record.fault {
        said.push_str(&format!(" {fault}"));
    }
    if let Some(reason) = &record.reason {
        said.push_str(&format!(": {}", visible(reason)));
    }
    if record.mode == writ_core::Mode::Shadow {
        said.push_str(" (shadow)");
    }
    if let Some(annotations) = &record.annotations {
        said.push_str(&format!("\n{}", visible(&annotations.to_string())));
    }
    said
}
