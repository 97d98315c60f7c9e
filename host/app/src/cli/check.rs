//! `writ check`: what a component is, and why it would be refused.

use serde_json::{Value, json};
use writ_engine::{Described, Description, LoadError, Report, ToolDescription};

use super::engine;
use super::exit::{Exit, Failure};
use super::input;
use super::text::{self, lines, row};
use crate::config::Config;

/// Tell what a component is, and everything for which it would be refused
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A component: a file, `-` for standard input, or `builtin:NAME`
    #[arg(value_name = "COMPONENT")]
    component: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let config = Config::bare(None)?;
    let engine = engine::for_command(&config)?;
    let (source, bytes) = input::component(&args.component, &config.engine.load)?;
    let report = engine.report(&bytes).await;
    let report = report.map_err(|error| Failure::refused(format!("`{source}`: {error}")))?;
    match args.json {
        true => text::json_to_stdout(&machine(&report))?,
        false => text::to_stdout(&human(&source.to_string(), &report))?,
    }
    Ok(if report.problems.is_empty() { Exit::Permitted } else { Exit::Refused })
}

fn machine(report: &Report) -> Value {
    json!({
        "digest": report.digest,
        "bytes": report.bytes,
        "imports": report.imports,
        "exports": report.exports,
        "core_instances": report.core_instances,
        "functions": report.functions,
        "description": report.description.as_ref().map(described),
        "not_preinitialised": report.not_preinitialised,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn described(described: &Described) -> Value {
    match described {
        Described::Policy(policy) => description(policy),
        Described::Tool(tool) => json!({
            "name": tool.name,
            "version": tool.version,
            "summary": tool.summary,
            "input_schema": tool.input_schema,
            "output_schema": tool.output_schema,
        }),
    }
}

pub(super) fn description(description: &Description) -> Value {
    json!({
        "name": description.name,
        "version": description.version,
        "summary": description.summary,
        "settings_schema": description.settings_schema,
    })
}

fn problem(problem: &LoadError) -> Value {
    let text = problem.to_string();
    let (message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint)),
        None => (text.as_str(), None),
    };
    json!({ "code": problem.code(), "message": message, "hint": hint })
}

fn human(source: &str, report: &Report) -> String {
    let mut text = format!("{source}\n");
    text += &row("digest", report.digest);
    text += &row("size", format_args!("{} bytes", report.bytes));
    text += &row(
        "code",
        format_args!("{} functions; core instances: {}", report.functions, report.core_instances),
    );
    text += &row("imports", lines(&report.imports));
    text += &row("exports", lines(&report.exports));
    match &report.description {
        Some(Described::Policy(description)) => {
            let Description { name, version, summary, settings_schema } = description;
            text += &row("policy", format_args!("{name} {version}\n{summary}"));
            text += &row("configure", configure(report.not_preinitialised.as_deref()));
            text += &row("settings", format_args!("{settings_schema:#}"));
        }
        Some(Described::Tool(description)) => text += &tool(description),
        None => {}
    }
    match (report.problems.as_slice(), &report.description) {
        ([], Some(Described::Tool(_))) => {
            text += "It would be loaded, if it is granted what it imports.\n";
        }
        ([], _) => {
            text += "It would be loaded, if it takes its settings: `configure` was not tried.\n"
        }
        (problems, _) => {
            text += "It would be refused:\n";
            for problem in problems {
                let told = problem.to_string().replace('\n', "\n  ");
                text += &format!("  {}: {told}\n", problem.code());
            }
        }
    }
    text
}

fn tool(description: &ToolDescription) -> String {
    let ToolDescription { name, version, summary, input_schema, output_schema } = description;
    let mut text = row("tool", format_args!("{name} {version}\n{summary}"));
    text += &row("arguments", format_args!("{input_schema:#}"));
    if let Some(schema) = output_schema {
        text += &row("result", format_args!("{schema:#}"));
    }
    text
}

fn configure(not_preinitialised: Option<&str>) -> String {
    match not_preinitialised {
        None => "runs once, when the policy is loaded".to_owned(),
        Some(why) => format!("runs on each fresh instance: {why}"),
    }
}
