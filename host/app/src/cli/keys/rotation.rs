//! `writ keys rotate-data`: batch after batch, until nothing is sealed with another key.

use super::host::Host;
use crate::cli::exit::Failure;
use crate::cli::place::ReportArgs;
use crate::cli::text;
use crate::config::Environment;
use crate::http::rotation::{BATCH, RotationBody};

/// How often everything is looked through: once more than hosts that write with another key meanwhile
/// can be the reason for.
const PASSES_MAX: u32 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many values are sealed at once
    #[arg(long, value_name = "N", default_value_t = BATCH, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
    #[command(flatten)]
    report: ReportArgs,
}

/// What has been done so far.
#[derive(Default)]
struct Progress {
    values: u64,
    key: String,
}

pub(super) async fn run(args: Args, environment: &Environment) -> Result<(), Failure> {
    let host = Host::open(&args.report.place, environment).await?;
    let rotated = rotate(&host, &args).await;
    host.close().await?;
    let Progress { values, key } = rotated?;
    match args.report.json {
        true => text::json_to_stdout(&serde_json::json!({ "key": key, "values": values })),
        false => text::to_stdout(&format!(
            "{values} values were sealed; everything is sealed with `{key}`, and no other key is needed\n"
        )),
    }
}

async fn rotate(host: &Host, args: &Args) -> Result<Progress, Failure> {
    let mut progress = Progress::default();
    for _ in 0..PASSES_MAX {
        let before = progress.values;
        pass(host, args, &mut progress).await?;
        if progress.values == before {
            return Ok(progress);
        }
    }
    Err(Failure::refused(format!(
        "hosts still seal with another key than `{}`\nhint: start each of them with it as `active` first, then run this again",
        progress.key
    )))
}

/// Looks through everything once.
async fn pass(host: &Host, args: &Args, progress: &mut Progress) -> Result<(), Failure> {
    let mut body = RotationBody { batch: args.batch, from: None };
    loop {
        let reply = host.rotate_data(&body).await?;
        progress.values += reply.values;
        if reply.values > 0 && !args.report.json {
            let (table, values) = (&reply.table, progress.values);
            text::to_stdout(&format!("{table}: {} sealed, {values} in all\n", reply.values))?;
        }
        progress.key = reply.key;
        body.from = reply.next;
        if body.from.is_none() {
            return Ok(());
        }
    }
}
