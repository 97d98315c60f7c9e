//! `writ audit`: whether what happened is still what was written down.

use clap::Subcommand;
use writ_core::Tenant;

use super::exit::{Exit, Failure};
use super::input::ConfigArgs;
use super::place::{PlaceArgs, ReportArgs};
use super::remote::Remote;
use super::text;
use crate::clock::rfc3339;
use crate::config::Environment;
use crate::http::verification::{AnchorReply, PATH, VerificationReply};

/// Check the evidence: that no event, execution or decision was changed, removed or put elsewhere
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Follow the chain of events from where it begins, and name the first that does not hold
    Verify(ReportArgs),
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let Command::Verify(ReportArgs { place: PlaceArgs { server, config }, json }) = args.command;
    let found = match &server {
        Some(url) => Remote::new(url, environment.key.clone())?.get(&[PATH], &[]).await?,
        None => here(&config, &environment).await?,
    };
    if json {
        text::json_to_stdout(&found)?;
    }
    match found {
        VerificationReply::Broken { broken } => {
            Err(Failure::refused(format!("the evidence is broken: {broken}")))
        }
        VerificationReply::Whole { .. } if json => Ok(Exit::Permitted),
        VerificationReply::Whole { events, anchor, executions, decisions, head } => {
            let begins = anchor.map(|AnchorReply { after, hash, until_ms }| {
                format!(
                    "The chain begins after event {after} ({hash}): what had ended before {} was \
                     removed, as it tells itself.\n",
                    rfc3339(until_ms)
                )
            });
            text::to_stdout(&format!(
                "{events} events of {executions} executions and {decisions} decisions are whole; the chain \
                 ends with {head}\n\
                 {}Keep that elsewhere: it tells later whether the end was cut off.\n",
                begins.unwrap_or_default()
            ))?;
            Ok(Exit::Permitted)
        }
    }
}

async fn here(
    config: &ConfigArgs,
    environment: &Environment,
) -> Result<VerificationReply, Failure> {
    let store = config.store_that_is_there(environment).await?;
    let found = store.verify(&Tenant::default()).await;
    store.close().await.map_err(Failure::internal)?;
    VerificationReply::of(found).map_err(Failure::internal)
}
