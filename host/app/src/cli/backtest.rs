//! `writ policy backtest`: what another policy set would have decided of what was decided.

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValue;
use indicatif::{ProgressBar, ProgressStyle};
use writ_core::Tenant;
use writ_core::text::visible;

use super::engine;
use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::lifetime;
use super::remote::{Remote, ServerArgs};
use super::text::{self, row};
use crate::backtest::{self, Bounds, Candidate, Change, Example, Report, Source, SourceError};
use crate::clock::{now_ms, rfc3339};
use crate::config::Environment;
use crate::http::backtests::BacktestBody;
use crate::http::policy_sets::PATH;
use crate::policy_set;

/// How far back decisions are tried where nobody says, in seconds: a week.
const SINCE_SECONDS: u64 = 7 * 86_400;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The set: a configuration file; or the number of a version, which the server then tries on its
    /// own decisions
    #[arg(value_name = "FILE|VERSION")]
    candidate: String,
    /// Since when: a number and s, m, h, d or w. Without it, for 7 days, or all that `--from` has
    #[arg(long, value_name = "TIME", value_parser = lifetime::seconds)]
    since: Option<u64>,
    /// Decisions that `writ decisions export` wrote: a file, or `-` for standard input. Without it, those
    /// of the store that the configuration names, which no server may have open
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where decisions are kept, in place of what the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    data_dir: Option<PathBuf>,
    /// End with 65 where there are such changes, separated by commas; or where there was no decision
    /// that could be decided again, or not all of them were
    #[arg(long, value_name = "CHANGES", value_delimiter = ',')]
    fail_on: Vec<Change>,
}

impl clap::ValueEnum for Change {
    fn value_variants<'a>() -> &'a [Self] {
        // All but the first, which is none.
        Self::ALL.split_first().map_or(&[], |(_, changes)| changes)
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

pub(super) async fn run(
    args: Args,
    server: &ServerArgs,
    environment: Environment,
) -> Result<Exit, Failure> {
    let report = match args.candidate.parse::<u64>() {
        Ok(number) => served(&args, number, server, &environment).await?,
        Err(_) => here(&args, &environment).await?,
    };
    match server.json {
        true => text::json_to_stdout(&report)?,
        false => text::to_stdout(&human(&report))?,
    }
    judge(&args.fail_on, &report)?;
    Ok(Exit::Permitted)
}

/// Whether a report shows that nothing changes that must not: not where it shows nothing.
fn judge(fail_on: &[Change], report: &Report) -> Result<(), Failure> {
    if fail_on.is_empty() {
        return Ok(());
    }
    if !report.is_complete {
        return Err(Failure::refused(
            "not all decisions were tried\nhint: try fewer, by `--since`, or an export, by `--from`",
        ));
    }
    if report.decisions == report.count(Change::Unrepeatable) {
        return Err(Failure::refused(format!(
            "of {} decisions none could be decided again, so nothing is shown",
            report.decisions
        )));
    }
    let left_out = report.count(Change::Unrepeatable);
    if left_out > 0 && !fail_on.contains(&Change::Unrepeatable) {
        text::to_stderr(&format!(
            "{left_out} of {} decisions could not be decided again, and show nothing\n\
             hint: `--fail-on unrepeatable` refuses that\n",
            report.decisions
        ));
    }
    let found = fail_on.iter().filter(|change| report.count(**change) > 0);
    let found: Vec<_> =
        found.map(|change| format!("{} {}", report.count(*change), change.name())).collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(Failure::refused(format!(
            "the set would change what it must not: {}",
            found.join(", ")
        ))),
    }
}

/// Has a server try a version on what it has decided.
async fn served(
    args: &Args,
    number: u64,
    server: &ServerArgs,
    environment: &Environment,
) -> Result<Report, Failure> {
    if args.from.is_some() || args.data_dir.is_some() {
        return Err(Failure::usage(format!(
            "version {number} is the server's, and so are the decisions\n\
             hint: name a configuration file to try decisions that are here"
        )));
    }
    let body = BacktestBody { since: rfc3339(args.since_ms()), decisions_max: None };
    let path = [PATH, &number.to_string(), "backtest"];
    Remote::open(server, environment)?.post(&path, &body).await
}

/// Tries a configuration on decisions that are here.
async fn here(args: &Args, environment: &Environment) -> Result<Report, Failure> {
    super::log_warnings()?;
    let config = Some(PathBuf::from(&args.candidate));
    let configured = ConfigArgs { config, data_dir: args.data_dir.clone() };
    let config = configured.load(environment, None)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let instances = u32::try_from(workers).unwrap_or(u32::MAX);
    let engine = engine::for_evaluations(&config, instances)?;
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = Arc::new(policy_set::load(&engine, &config.policies, bytes_max).await?);
    let tenant = Tenant::default();
    let (source, store) = match &args.from {
        Some(file) => (Source::exported(lines(file)?, args.since_ms()), None),
        None => {
            let store = configured.store_that_is_there(environment).await?;
            (Source::stored(store.clone(), tenant.clone(), args.since_ms()), Some(store))
        }
    };
    let bounds = Bounds { workers, decisions_max: u64::MAX, time_max: Duration::MAX };
    let bar = progress();
    let candidate = Candidate { snapshot, tenant };
    let told = |report: &Report| bar.set_position(report.decisions);
    let report = backtest::run(&candidate, source, bounds, told).await;
    bar.finish_and_clear();
    if let Some(store) = store {
        store.close().await.map_err(Failure::internal)?;
    }
    report.map_err(|error| match error {
        SourceError::Store(error) => Failure::internal(error),
        error @ (SourceError::File(_) | SourceError::Line { .. }) => Failure::refused(error),
    })
}

/// How far it has come, on standard error where that is a terminal.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} decisions, {per_sec}");
    let bar = ProgressBar::new_spinner();
    bar.with_style(style.expect("the template names what there is"))
}

impl Args {
    fn since_ms(&self) -> u64 {
        let since = match (self.since, &self.from) {
            (Some(seconds), _) => seconds,
            (None, Some(_)) => return 0,
            (None, None) => SINCE_SECONDS,
        };
        now_ms().saturating_sub(since.saturating_mul(1_000))
    }
}

fn lines(file: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let opened = File::open(file);
    let opened = opened
        .map_err(|error| Failure::refused(format!("`{}` cannot be read: {error}", file.display())));
    Ok(Box::new(BufReader::new(opened?)))
}

fn human(report: &Report) -> String {
    let Report { policy_set, decisions, fuel_then, fuel_now, .. } = report;
    let mut text = format!("{decisions} decisions, tried on {policy_set}\n");
    if !report.is_complete {
        text += "There are more: they were too many for one try.\n";
    }
    for change in Change::ALL {
        text += &row(change.name(), report.count(change));
    }
    text += &row("fuel", format_args!("{fuel_then} then, {fuel_now} now"));
    for (approvers, count) in &report.approvers {
        text += &row("would ask", format_args!("{} ({count})", visible(approvers)));
    }
    for (change, examples) in &report.examples {
        text += &format!("\n{}, for example\n", change.name());
        text += &examples.iter().map(example).collect::<String>();
    }
    text
}

fn example(example: &Example) -> String {
    let Example { id, subject, action, then, now, policies } = example;
    let (kind, who, action) = (visible(&subject.0), visible(&subject.1), visible(action));
    let mut text = format!("  {id}  {kind}:{who} {action}: {then} -> {now}\n");
    for turn in policies {
        let side = |said: &Option<String>| said.clone().unwrap_or_else(|| "not asked".to_owned());
        text += &format!("    {}: {} -> {}\n", turn.binding, side(&turn.then), side(&turn.now));
    }
    text
}
