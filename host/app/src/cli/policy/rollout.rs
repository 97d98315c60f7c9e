//! `writ policy shadow` and `writ policy canary`: a version beside the one that decides.

use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};
use writ_core::rollout::Hundredths;
use writ_core::text::visible;

use super::Comment;
use crate::cli::exit::Failure;
use crate::cli::remote::{Remote, text_of};
use crate::cli::text::row;
use crate::http::policies::STATUS;
use crate::http::policy_sets::PATH;

#[derive(Debug, clap::Args)]
pub(super) struct Shadow {
    /// The version's number
    #[arg(required_unless_present_any = ["stop", "report"])]
    number: Option<u64>,
    #[command(flatten)]
    part: PartOf,
    #[command(flatten)]
    comment: Comment,
    /// Ask no version on the side any more
    #[arg(long, conflicts_with_all = ["number", "binding", "share", "by", "comment"])]
    stop: bool,
    /// Tell what would have changed, as the server has seen; with `--binding`, if that one counted,
    /// whose `mode` is `shadow`
    #[arg(long, conflicts_with_all = ["number", "share", "by", "comment", "stop"])]
    report: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Canary {
    /// The version's number
    #[arg(required_unless_present_any = ["stop", "promote"])]
    number: Option<u64>,
    #[command(flatten)]
    part: PartOf,
    /// Decide also where a request bears this header
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    header: Option<(String, String)>,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    comment: Comment,
    /// Have the active version decide everything
    #[arg(long, conflicts_with_all = ["number", "binding", "share", "by", "header", "Guard", "comment"])]
    stop: bool,
    /// Have the version that decides for some decide everything
    #[arg(long, conflicts_with_all = ["number", "binding", "share", "by", "header", "Guard", "stop"])]
    promote: bool,
}

#[derive(Debug, clap::Args)]
struct PartOf {
    /// Only this binding of the version, within the version that decides
    #[arg(long, value_name = "NAME")]
    binding: Option<String>,
    /// A part of all requests, such as `5%`
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    share: Option<Hundredths>,
    /// What it is a part of
    #[arg(long, value_parser = PossibleValuesParser::new(["subject", "thread"]))]
    by: Option<String>,
}

/// When a version must decide no more.
#[derive(Debug, clap::Args)]
struct Guard {
    /// How many decisions may give no verdict; 1% by default
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_fault_rate: Option<Hundredths>,
    /// By how many points more may deny than otherwise; 10% by default
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    max_deny_rate_increase: Option<Hundredths>,
    /// How many times as long decisions may take (95 of 100); 2x by default
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    max_latency: Option<Hundredths>,
    /// How many decisions it takes to tell; 100 by default
    #[arg(long, value_name = "NUMBER")]
    min_decisions: Option<u64>,
    /// How long is looked back; 60s by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    window: Option<u64>,
}

impl Shadow {
    /// Does it, and tells what came of it.
    pub(super) async fn run(&self, remote: &Remote) -> Result<Value, Failure> {
        if self.stop {
            return stop(remote, "shadow").await;
        }
        if self.report {
            return match &self.part.binding {
                None => {
                    let version = rolled_out(remote, "shadow").await?;
                    remote.get(&[PATH, &version, "shadow"], &[]).await
                }
                Some(binding) => {
                    let status: Value = remote.get(&[STATUS], &[]).await?;
                    let version = status["version"].to_string();
                    remote.get(&[PATH, &version, "shadow"], &[("binding", binding)]).await
                }
            };
        }
        let number = self.number.unwrap_or_default().to_string();
        let mut body = self.part.body();
        self.comment.add_to(&mut body);
        remote.post(&[PATH, &number, "shadow"], &body).await
    }

    pub(super) fn text(&self, told: &Value) -> String {
        match (self.report, self.stop) {
            (true, _) => report(told),
            (_, true) => format!("Version {} is asked no more.\n", told["version"]),
            _ => rollout(told),
        }
    }
}

impl Canary {
    /// Does it, and tells what came of it.
    pub(super) async fn run(&self, remote: &Remote) -> Result<Value, Failure> {
        if self.stop {
            return stop(remote, "canary").await;
        }
        if self.promote {
            let version = rolled_out(remote, "canary").await?;
            return remote.post(&[PATH, &version, "canary", "promote"], &self.comment.body()).await;
        }
        let number = self.number.unwrap_or_default().to_string();
        let mut body = self.part.body();
        self.comment.add_to(&mut body);
        if let Some((name, value)) = &self.header {
            body.insert("header".into(), json!({ "name": name, "value": value }));
        }
        body.insert("guard".into(), self.guard.body().into());
        remote.post(&[PATH, &number, "canary"], &body).await
    }

    pub(super) fn text(&self, told: &Value) -> String {
        match (self.promote, self.stop) {
            (true, _) => super::human(told),
            (_, true) => format!("Version {} decides no more.\n", told["version"]),
            _ => rollout(told),
        }
    }
}

impl PartOf {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(binding) = &self.binding {
            body.insert("binding".into(), binding.as_str().into());
        }
        if let Some(share) = self.share {
            body.insert("share_percent".into(), f64::from(share).into());
        }
        if let Some(by) = &self.by {
            body.insert("by".into(), by.as_str().into());
        }
        body
    }
}

impl Guard {
    fn body(&self) -> Map<String, Value> {
        let number = |number: Hundredths| Value::from(f64::from(number));
        let given = [
            ("max_fault_percent", self.max_fault_rate.map(number)),
            ("max_deny_increase_percent", self.max_deny_rate_increase.map(number)),
            ("max_latency_factor", self.max_latency.map(number)),
            ("min_decisions", self.min_decisions.map(Value::from)),
            ("window_seconds", self.window.map(Value::from)),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}

/// Which version is rolled out in a way, as the server says.
async fn rolled_out(remote: &Remote, how: &str) -> Result<String, Failure> {
    let status: Value = remote.get(&[STATUS], &[]).await?;
    let rollout = &status["rollout"];
    match rollout["how"] == how && rollout.get("ended").is_none() {
        true => Ok(rollout["version"].to_string()),
        false => Err(Failure::refused(format!(
            "no version is rolled out as {how}\nhint: `writ policy status` tells what is"
        ))),
    }
}

async fn stop(remote: &Remote, how: &str) -> Result<Value, Failure> {
    let version = rolled_out(remote, how).await?;
    remote.delete(&[PATH, &version, how]).await?;
    Ok(json!({ "version": version.parse::<u64>().ok(), "how": how, "ended": true }))
}

/// What is told of a rollout, among what is told of the set that decides.
pub(super) fn rollout(rollout: &Value) -> String {
    let (how, share) = (text_of(&rollout["how"]), &rollout["share_percent"]);
    let mut text = row(
        &how,
        format_args!("version {}, {share} % by {}", rollout["version"], text_of(&rollout["by"])),
    );
    let single = &rollout["single"];
    if single.is_object() {
        let (name, of) = (text_of(&single["binding"]), &single["of"]);
        let told = format_args!("{name} of version {of}, within version {}", single["within"]);
        text += &row("binding", told);
    }
    let header = &rollout["header"];
    if header.is_object() {
        let (name, value) = (text_of(&header["name"]), text_of(&header["value"]));
        text += &row("or header", format_args!("{name}: {value}"));
    }
    let replaced = &rollout["replaced"];
    if replaced.is_object() {
        let (how, version) = (text_of(&replaced["how"]), &replaced["version"]);
        text += &row("in place of", format_args!("{how}, version {version}, which has ended"));
    }
    let by = super::by(&Value::Null, &rollout["author"]);
    let comment = rollout["comment"].as_str().map(|comment| format!(": {}", visible(comment)));
    let since = text_of(&rollout["since"]);
    text += &row("since", format_args!("{since}{by}{}", comment.unwrap_or_default()));
    for (key, label) in [("canary", "it decided"), ("others", "otherwise")] {
        let seen = &rollout["seen"][key];
        if seen.is_object() {
            text += &row(
                label,
                format_args!(
                    "{} lately, {} denials, {} of them faults, 95 of 100 within {} µs",
                    seen["decisions"], seen["denials"], seen["faults"], seen["p95_us"]
                ),
            );
        }
    }
    let ended = &rollout["ended"];
    if ended.is_object() {
        let by = super::by(&Value::Null, &ended["by"]);
        let detail = ended["detail"].as_str().map(|detail| format!("\n{}", visible(detail)));
        let (at, because) = (text_of(&ended["at"]), text_of(&ended["because"]));
        text += &row("ended", format_args!("{at}{by}: {because}{}", detail.unwrap_or_default()));
    }
    text
}

fn report(report: &Value) -> String {
    let what = match report["binding"].as_str() {
        None => format!("Version {}", report["version"]),
        Some(name) => format!("Binding {} of version {}", visible(name), report["version"]),
    };
    let mut text = format!(
        "{what}, beside {} decisions ({} were not looked at):\n",
        report["decisions"], report["dropped"]
    );
    if report["forgotten"] != 0 {
        let times = &report["forgotten"];
        text += &format!("What it stored was too much, and forgotten {times} times.\n");
    }
    for (change, count) in report["changes"].as_object().into_iter().flatten() {
        if *count != 0 {
            text += &format!("  {change:<18} {count}\n");
        }
    }
    for example in report["examples"].as_array().into_iter().flatten() {
        let said = |said: &Value| {
            let by = said["by"].as_array().into_iter().flatten().map(text_of).collect::<Vec<_>>();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
            format!("{}{by}", text_of(&said["outcome"]))
        };
        let pair = |pair: &Value| format!("{}/{}", text_of(&pair[0]), text_of(&pair[1]));
        text += &format!(
            "\n{}  {}\n    {} {} {}\n    {} -> {}\n",
            text_of(&example["change"]),
            text_of(&example["decision"]),
            pair(&example["subject"]),
            text_of(&example["action"]),
            pair(&example["resource"]),
            said(&example["then"]),
            said(&example["now"])
        );
    }
    text
}

fn percent(text: &str) -> Result<Hundredths, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    number
        .parse()
        .map_err(|_| "write a percentage with at most two decimals, such as `5%`".to_owned())
}

fn factor(text: &str) -> Result<Hundredths, String> {
    let number = text.strip_suffix('x').unwrap_or(text);
    number.parse().map_err(|_| "write a factor with at most two decimals, such as `2x`".to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    number.parse().map_err(|_| "write whole seconds, such as `60s`".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    parts.ok_or_else(|| "write a header and its value, such as `X-Canary=yes`".to_owned())
}
