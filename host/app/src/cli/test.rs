//! `writ test`: the cases of a policy set, without a server and without leaving anything behind.

use serde_json::json;
use writ_core::text::visible;

use super::engine;
use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::text;
use crate::cases::{self, CaseReport, Report};
use crate::config::Environment;
use crate::policy_set;

/// Run the cases of a policy set, and tell what differs
///
/// They are in the directory that `[tests]` of the configuration names. Time is what a case says, and
/// storage is in memory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Run only cases whose file or name contains this
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let config = args.config.load(&environment, None)?;
    let mut cases = cases::read(&config.policies)?;
    if cases.is_empty() {
        return Err(Failure::refused(
            "the policy set has no cases\n\
             hint: write `[tests]` and `directory = \"tests\"` into the configuration, and cases into that directory",
        ));
    }
    if let Some(filter) = &args.filter {
        let all = cases.len();
        cases.retain(|case| case.is_about(filter));
        if cases.is_empty() {
            return Err(Failure::refused(format!("none of the {all} cases is about `{filter}`")));
        }
    }
    let engine = engine::for_command(&config)?;
    let bytes_max = config.engine.load.component_bytes_max;
    let snapshot = policy_set::load(&engine, &config.policies, bytes_max).await?;
    let report = cases::run(&snapshot, &cases, config.breaker).await;
    let failed = report.failed().count();
    match args.json {
        true => text::json_to_stdout(&json!({
            "policy_set": snapshot.digest, "failed": failed, "cases": report.cases,
        }))?,
        false => text::to_stdout(&human(&report))?,
    }
    match failed {
        0 => Ok(Exit::Permitted),
        1 => Err(Failure::refused("1 case does not hold")),
        failed => Err(Failure::refused(format!("{failed} cases do not hold"))),
    }
}

fn human(report: &Report) -> String {
    let mut text: String = report.cases.iter().map(line).collect();
    let (all, failed) = (report.cases.len(), report.failed().count());
    text += &format!("{} of {all} cases hold\n", all - failed);
    text
}

fn line(case: &CaseReport) -> String {
    let CaseReport { file, name, step, differences } = case;
    let word = if case.holds() { "holds" } else { "DIFFERS" };
    let mut line = format!("{word:<8} {}: {}\n", visible(file), visible(name));
    for difference in differences {
        let lines: Vec<_> = difference.lines().map(visible).collect();
        let difference = lines.join("\n           ");
        line += &format!("         step {}: {difference}\n", step.unwrap_or_default());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_cannot_change_how_another_is_shown() {
        let (file, name) = ("a.toml".to_owned(), "one\u{1b}[1A\nholds    b.toml: two".to_owned());
        let differences = vec!["is \u{202e}\nmust be b".to_owned()];
        let shown = line(&CaseReport { file, name, step: Some(1), differences });
        let expected = "DIFFERS  a.toml: one\\u{1b}[1A\\u{a}holds    b.toml: two\n         step 1: is \\u{202e}\n           must be b\n";
        assert_eq!(shown, expected);
    }
}
