//! `writ decisions`: what was decided, as it was recorded.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::value::RawValue;
use writ_core::Tenant;
use writ_store::Store;

use super::exit::{Exit, Failure};
use super::lifetime;
use super::place::PlaceArgs;
use super::remote::Remote;
use super::text;
use crate::backtest::source::decided_ms;
use crate::clock::now_ms;
use crate::config::Environment;
use crate::http::decisions::PATH;

/// How many decisions a server is asked for at once.
const PAGE: &str = "100";

/// Take what was decided elsewhere, as it was recorded
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write decisions to standard output, newest first, a line of JSON each: arguments are in them
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Since when: a number and s, m, h, d or w, such as `7d`
    #[arg(long, value_name = "TIME", value_parser = lifetime::seconds, default_value = "7d")]
    since: u64,
    #[command(flatten)]
    place: PlaceArgs,
}

/// A page of decisions.
#[derive(Deserialize)]
struct Page {
    items: Vec<Box<RawValue>>,
    #[serde(default)]
    next: Option<String>,
}

/// What is read of a decision.
#[derive(Deserialize)]
struct Brief {
    id: String,
}

pub(super) async fn run(args: Args, environment: Environment) -> Result<Exit, Failure> {
    super::log_warnings()?;
    let Command::Export(Export { since, place }) = args.command;
    let since_ms = now_ms().saturating_sub(since.saturating_mul(1_000));
    match &place.server {
        Some(url) => served(&Remote::new(url, environment.key.clone())?, since_ms).await?,
        None => {
            let store = place.config.store_that_is_there(&environment).await?;
            here(&store, since_ms).await?;
            store.close().await.map_err(Failure::internal)?;
        }
    }
    Ok(Exit::Permitted)
}

async fn here(store: &Store, since_ms: u64) -> Result<(), Failure> {
    let (tenant, mut after) = (Tenant::default(), None);
    loop {
        let batches = store.recorded(&tenant, since_ms, after.as_ref()).await;
        let mut batches = batches.map_err(Failure::internal)?;
        for batch in &batches {
            // A batch is in the order of commitment.
            let decisions: Result<Vec<_>, _> = batch.decisions().collect();
            for decision in decisions.map_err(Failure::internal)?.iter().rev() {
                let line = serde_json::to_string(decision).map_err(Failure::internal)?;
                text::to_stdout(&(line + "\n"))?;
            }
        }
        after = batches.pop();
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn served(remote: &Remote, since_ms: u64) -> Result<(), Failure> {
    let mut next = None::<String>;
    loop {
        let cursor = next.as_deref().map(|next| ("cursor", next));
        let query: Vec<_> = [("limit", PAGE)].into_iter().chain(cursor).collect();
        let page: Page = remote.get(&[PATH], &query).await?;
        for item in &page.items {
            let brief: Brief = serde_json::from_str(item.get()).map_err(Failure::internal)?;
            // Those behind it are older.
            if decided_ms(&brief.id).is_some_and(|at_ms| at_ms < since_ms) {
                return Ok(());
            }
            text::to_stdout(&format!("{}\n", item.get()))?;
        }
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}
